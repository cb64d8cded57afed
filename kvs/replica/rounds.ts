import { KvsError } from '../core/errors.ts'
import { type LogSession, NotAppended, Unappendable } from '../log/index.ts'
import type { ConditionalQueue } from './conditional-queue.ts'
import type { Follower } from './log-copy.ts'
import type { Condition } from './node-health.ts'
import type { Outage } from './outage.ts'
import type { AppendQueue } from './write-queue.ts'

export interface AppendingParts {
  readonly queue: AppendQueue
  readonly conditional: ConditionalQueue
  readonly follower: Follower
  readonly outage: Outage
  readonly condition: Condition
}

/** Brings to the log what waits for it, while that is up. */
export interface Appending {
  /**
   * The log can be reached, but has refused an append for this reason, such as a full disk: only another append can tell
   * whether that is over.
   */
  refusal: string | undefined
  readonly hasWork: boolean
  /**
   * Appends a batch, of each kind of write in turn, so that neither waits for the other to run dry. Writes are acknowledged once
   * they are committed and the view shows them. Rejects where the log is down, with what waited left to wait or to be spooled.
   * @returns a sequence at or after all that was in the log before, up to which the view is; undefined where nothing was asked
   */
  appendNext(session: LogSession): Promise<bigint | undefined>
}

export function makeAppending({ queue, conditional, follower, outage, condition }: AppendingParts): Appending {
  let refusal: string | undefined
  let wasConditional = false

  async function appendConditional(session: LogSession): Promise<bigint | undefined> {
    try {
      const asked = await conditional.round(session, outage.number)
      if (asked === 'landed') logTakesWrites(session)
      return asked && follower.view.position.sequence
    } catch (error) {
      if (!(error instanceof NotAppended)) throw error
      logTakesNone(error)
      return undefined
    }
  }

  async function append(session: LogSession): Promise<bigint | undefined> {
    const batch = queue.take()
    const number = outage.number(batch.length)
    try {
      const appended = await follower.append(session, batch, number)
      queue.committed(appended)
      logTakesWrites(session)
      return appended.end.sequence
    } catch (error) {
      const isForLog = error instanceof NotAppended && error.logIsDown
      if (isForLog || error instanceof Unappendable) queue.putBack()
      else if (error instanceof NotAppended) queue.refused(new KvsError('not_stored', undefined, { cause: error }))
      else outage.leaveInDoubt(number)
      if (!(error instanceof NotAppended)) throw error
      logTakesNone(error)
      return undefined
    }
  }

  function logTakesWrites(session: LogSession): void {
    if (condition.state !== 'serving' || condition.reason !== null) condition.logIsUp(session.description)
    refusal = undefined
  }

  /** Throws where writes are to be spooled. */
  function logTakesNone(error: NotAppended): void {
    if (error.logIsDown) {
      refusal = error.message
      throw error
    }
    condition.logRefuses(error.message)
  }

  return {
    get refusal() {
      return refusal
    },
    set refusal(reason) {
      refusal = reason
    },
    get hasWork() {
      return queue.length > 0 || conditional.length > 0
    },
    appendNext(session) {
      wasConditional = conditional.length > 0 && (queue.length === 0 || !wasConditional)
      return wasConditional ? appendConditional(session) : append(session)
    },
  }
}
