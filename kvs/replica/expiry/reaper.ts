import { ConditionFailed } from '../../core/errors.ts'
import type { Clock } from '../../lib/clock.ts'
import type { LapsedKey } from '../../view/index.ts'
import type { ConditionalQueue } from '../decisions/conditional-queue.ts'
import type { Mirror } from '../mirror.ts'
import type { ReaperTurn } from './reaper-turn.ts'

export interface ReaperParts {
  readonly mirror: Pick<Mirror, 'view'>
  readonly conditional: Pick<ConditionalQueue, 'add'>
  readonly turn: ReaperTurn
  /** Whether the log can be asked for conditional writes. */
  readonly mayAppend: () => boolean
  readonly clock: Clock
}

/**
 * Records in the log that keys have ended: for each lapsed key it appends a delete with the key's deadline, an expiry,
 * under the condition that the key still has the very entry that lapsed. So a renewal is never lost, whoever is first.
 */
export interface Reaper {
  /** Expiries that this node has appended. */
  readonly appended: number
  /**
   * Begins with a batch where there is anything to do and it is this node's turn, and goes on by itself from there.
   * Returns at once.
   */
  tick(): void
}

/** A batch is short, so that clients' writes do not wait for long behind it. */
const batchKeys = 200
/** The rest after a batch is as long as the batch took, and at least this, in milliseconds. */
const leastRestMs = 10
/** The rest after the log refused a batch, in milliseconds. */
const refusedRestMs = 2_000

export function makeReaper(parts: ReaperParts): Reaper {
  const { mirror, turn, mayAppend, clock } = parts
  let appended = 0
  /** Whether a batch is under way, or rested after. */
  let isBusy = false

  async function append(lapsed: readonly LapsedKey[]): Promise<void> {
    const began = clock.now()
    const { landed, refused } = await appendExpiries(parts, lapsed)
    appended += landed
    const restMs = Math.max(refused ? refusedRestMs : leastRestMs, clock.now() - began)
    clock
      .after(restMs, () => {
        isBusy = false
        tick()
      })
      .unref()
  }

  function tick(): void {
    if (isBusy || !mayAppend()) return
    const lapsed = mirror.view.lapsed(batchKeys)
    if (lapsed.length === 0) turn.noteIdle()
    else if (turn.isOwn(clock.now())) {
      isBusy = true
      void append(lapsed)
    }
  }

  return {
    get appended() {
      return appended
    },
    tick,
  }
}

/** Never rejects: what has not landed is lapsed still, or was renewed. */
async function appendExpiries({ conditional }: ReaperParts, lapsed: readonly LapsedKey[]) {
  const answers = await Promise.allSettled(
    lapsed.map(({ key, tag, deadline }) =>
      conditional.add({
        write: { kind: 'delete', key, deadline },
        precondition: { ifMatch: [tag] },
        idempotencyKey: undefined,
      }),
    ),
  )
  const isRefusal = (answer: PromiseSettledResult<unknown>) =>
    answer.status === 'rejected' && !(answer.reason instanceof ConditionFailed)
  return { landed: answers.filter(({ status }) => status === 'fulfilled').length, refused: answers.some(isRefusal) }
}
