import { type LogSession, RingUnseen } from '../log/index.ts'
import { appendBatch, type BatchParts, passRejection } from './append/batches.ts'
import type { Connector } from './connector.ts'
import type { ConditionalQueue } from './decisions/conditional-queue.ts'
import type { PositionWaits } from './position-waits.ts'

export interface RoundParts extends BatchParts {
  readonly conditional: ConditionalQueue
  readonly waits: PositionWaits
  readonly connector: Connector
}

/** What is done in turn while the node follows the log. */
export interface Rounds {
  /** Whether there is anything to append or to read. */
  readonly isDue: boolean
  /** Has the next round read the log: somebody else may have appended. */
  requestTail(): void
  /**
   * Appends a batch of each kind of write in turn, so that neither waits for the other to run dry, or reads the log.
   * After it the view has all that the log had before. Where an entry on the ring has come, it is read and told of
   * before anything is appended. Rejects where the log is down, with what waited left to wait or to be spooled.
   */
  run(session: LogSession): Promise<void>
  /** Reads the log, and appends nothing. Rejects as `Mirror.tail`. */
  read(session: LogSession): Promise<void>
}

export function makeRounds(parts: RoundParts): Rounds {
  const { queue, conditional, waits, mirror, connector, machine, clock } = parts
  let wasConditional = false
  let isTailDue = false

  const hasWrites = () => queue.length > 0 || conditional.length > 0

  /** @returns as `appendBatch` does */
  function appendNext(session: LogSession): Promise<bigint | undefined> {
    wasConditional = conditional.length > 0 && (queue.length === 0 || !wasConditional)
    return wasConditional ? appendConditional(parts, session) : appendBatch(parts, session)
  }

  /** @returns as `appendNext`; a `RingUnseen` where the log is to be read first, with what waited left to wait */
  async function tryAppend(session: LogSession): Promise<bigint | undefined | RingUnseen> {
    if (mirror.ring.isUntold) await mirror.ring.tell(session)
    if (!hasWrites()) return undefined
    return appendNext(session).catch((error) => {
      if (error instanceof RingUnseen) return error
      throw error
    })
  }

  async function tail(session: LogSession): Promise<bigint> {
    isTailDue = false
    const head = await mirror.tail(session)
    if (head > session.head.sequence) machine.apply({ kind: 'log grew' })
    return head
  }

  async function read(session: LogSession): Promise<void> {
    const answer = waits.beginQuestion()
    const head = await tail(session)
    connector.resetPauses()
    answer(head)
    waits.advance(mirror.view.position.sequence)
  }

  return {
    read,

    get isDue() {
      return isTailDue || waits.needsHead || hasWrites()
    },

    requestTail() {
      isTailDue = true
      queue.wake()
    },

    async run(session) {
      const asOf = clock.now()
      const answer = waits.beginQuestion()
      // An append also reads what others have appended before it.
      const appended = hasWrites() ? await tryAppend(session) : undefined
      const unseen = appended instanceof RingUnseen ? appended : undefined
      let head = appended instanceof RingUnseen ? undefined : appended
      // A refused append tells nothing of the log, and every next one may be refused as well.
      if (head === undefined && (isTailDue || waits.needsHead || unseen)) {
        head = await tail(session)
      }
      // Else it would be asked in vain for ever; a new session has told of all that its head has.
      if (unseen && !mirror.ring.isUntold) throw unseen
      connector.resetPauses()
      if (head === undefined) return
      machine.apply({ kind: 'in step', asOf })
      answer(head)
      waits.advance(mirror.view.position.sequence)
    },
  }
}

async function appendConditional(parts: RoundParts, session: LogSession): Promise<bigint | undefined> {
  const { conditional, numbers, mirror, machine } = parts
  try {
    const outcome = await conditional.appendNext(session, numbers.assign)
    if (outcome === 'landed') machine.apply({ kind: 'landed' })
    return outcome && mirror.view.position.sequence
  } catch (error) {
    passRejection(machine, error)
    return undefined
  }
}
