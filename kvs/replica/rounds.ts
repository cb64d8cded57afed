import type { LogSession } from '../log/index.ts'
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
   * After it the view has all that the log had before. Rejects where the log is down, with what waited left to wait or
   * to be spooled.
   */
  run(session: LogSession): Promise<void>
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

  return {
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
      let head = hasWrites() ? await appendNext(session) : undefined
      // A refused append tells nothing of the log, and every next one may be refused as well.
      if (head === undefined && (isTailDue || waits.needsHead)) {
        isTailDue = false
        head = await mirror.tail(session)
      }
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
