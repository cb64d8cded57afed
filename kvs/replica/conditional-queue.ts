import { createHash } from 'node:crypto'
import { ConditionFailed, KvsError } from '../core/errors.ts'
import { batchLimits } from '../core/limits.ts'
import { partsOf, weight } from '../core/operation/operation.ts'
import { holds } from '../core/precondition.ts'
import type { ConditionalWrite, InLog } from '../kv/index.ts'
import { type Decided, type LogSession, NotAppended, Unappendable, type Verdict } from '../log/index.ts'
import { inHalves } from './halves.ts'
import type { Follower } from './log-copy.ts'
import type { QueueLimits } from './write-queue.ts'

/**
 * Writes that have to be decided on in the order of the log. A round decides on each by the view; the log takes what no
 * other node's entry has overtaken, and the rest is decided on anew, by a view that has that entry. Of writes to one key
 * one lands in a round, so that the next is decided on with it in the view. None of them is ever spooled.
 */
export interface ConditionalQueue {
  /**
   * Rejects with `ConditionFailed`, `idempotency_key_reused`, `not_stored`, `log_down` or `overloaded`: nothing was
   * stored; or with `undecided`.
   */
  add(conditional: ConditionalWrite): Promise<InLog>
  /** What waits, but for what is in a round; `bytes` is the weight of both. */
  readonly length: number
  readonly bytes: number
  /**
   * One round. Rejections are those of `LogSession.appendConditional` and `read`; the writes are answered all the same, but
   * for an `Unappendable`: they wait again then, to be abandoned. Where the log says no for what is in them, and they are
   * several, each half of them waits again, for a round of its own.
   * @param number gives the round's writes their numbers
   * @returns whether any has landed, or the log was only asked; after both the view has all that it had before. Undefined
   * where there was nothing to ask it for
   */
  round(session: LogSession, number: (writes: number) => bigint): Promise<'landed' | 'asked' | undefined>
  /** Rejects all that waits. */
  abandon(error: KvsError): void
}

interface Waiting extends ConditionalWrite {
  readonly request: Buffer | undefined
  readonly deadline: number
  readonly resolve: (stored: InLog) => void
  readonly reject: (error: KvsError) => void
  /** Its round has no writes of another part; undefined unless it was in a round that the log has refused. */
  part: object | undefined
}

/** @param onAdd called when there is something to do */
export function makeConditionalQueue(follower: Follower, limits: QueueLimits, onAdd: () => void): ConditionalQueue {
  let waiting: Waiting[] = []
  let bytes = 0

  function decide({ write, precondition, idempotencyKey, request }: Waiting): Decided {
    const current = follower.view.versionOf(write.key)
    const idempotency = idempotencyKey !== undefined && request ? { key: idempotencyKey, request } : undefined
    return { write, lands: holds(precondition, current), current, idempotency }
  }

  /** Out of those that wait: as many as make a batch, in their order, no two that depend on each other. */
  function take(): { items: Waiting[]; decided: Decided[] } {
    const taken = { items: [] as Waiting[], decided: [] as Decided[] }
    const keys = new Set<string>()
    const idempotencyKeys = new Set<string>()
    let size = 0
    const isOver = () => taken.items.length >= batchLimits.writes || size >= batchLimits.bytes
    waiting = waiting.filter((item) => {
      const { write, idempotencyKey } = item
      if (taken.items.length > 0 && taken.items[0]?.part !== item.part) return true
      if (isOver() || keys.has(write.key) || (idempotencyKey !== undefined && idempotencyKeys.has(idempotencyKey))) {
        return true
      }
      const decided = decide(item)
      if (decided.lands) keys.add(write.key)
      if (idempotencyKey !== undefined) idempotencyKeys.add(idempotencyKey)
      size += weight(write)
      taken.items.push(item)
      taken.decided.push(decided)
      return false
    })
    return taken
  }

  function release(items: readonly Waiting[]): void {
    for (const { write } of items) bytes -= weight(write)
  }

  function rejectAll(items: readonly Waiting[], error: KvsError): void {
    release(items)
    for (const { reject } of items) reject(error)
  }

  function answer(item: Waiting, { outcome, version, current }: Verdict): void {
    if (outcome === 'reused') item.reject(new KvsError('idempotency_key_reused'))
    else if (version === undefined) item.reject(new ConditionFailed(current?.tag))
    else item.resolve({ ...version, replaced: current !== undefined })
  }

  /** Those that have waited for too long; the others are on their way. */
  function expire(): void {
    const now = performance.now()
    const late = waiting.filter(({ deadline }) => deadline <= now)
    if (late.length === 0) return
    waiting = waiting.filter(({ deadline }) => deadline > now)
    rejectAll(late, new KvsError('not_stored'))
  }

  return {
    add(conditional) {
      const { write } = conditional
      if (waiting.length >= limits.maxWrites || (bytes > 0 && bytes + weight(write) > limits.maxBytes)) {
        return Promise.reject(new KvsError('overloaded'))
      }
      bytes += weight(write)
      return new Promise((resolve, reject) => {
        const request = conditional.idempotencyKey === undefined ? undefined : hashOf(conditional)
        const deadline = performance.now() + limits.timeoutMs
        waiting.push({ ...conditional, request, deadline, resolve, reject, part: undefined })
        onAdd()
      })
    },

    get length() {
      return waiting.length
    },
    get bytes() {
      return bytes
    },

    async round(session, number) {
      expire()
      const { items, decided } = take()
      if (items.length === 0) return undefined
      const verdicts = await follower.appendConditional(session, decided, number(items.length)).catch((error) => {
        const isGuilt = error instanceof NotAppended && !error.logIsDown && items.length > 1
        if (isGuilt) inHalves(items)
        if (isGuilt || error instanceof Unappendable) waiting = [...items, ...waiting]
        else rejectAll(items, refusal(error))
        throw error
      })
      const overtaken = items.filter((_, index) => verdicts[index]?.outcome === 'overtaken')
      waiting = [...overtaken, ...waiting]
      items.forEach((item, index) => {
        const verdict = verdicts[index]
        if (!verdict || verdict.outcome === 'overtaken') return
        release([item])
        answer(item, verdict)
      })
      return verdicts.some(({ outcome }) => outcome === 'landed') ? 'landed' : 'asked'
    },

    abandon(error) {
      const items = waiting
      waiting = []
      rejectAll(items, error)
    },
  }
}

function refusal(error: unknown): KvsError {
  if (!(error instanceof NotAppended)) return new KvsError('undecided')
  const cause = { cause: error }
  if (!error.logIsDown) return new KvsError('not_stored', undefined, cause)
  return new KvsError('log_down', `the log takes no writes now; nothing was done: ${error.message}`, cause)
}

/** Equal for equal requests alone: each part is preceded by its length. */
function hashOf({ write, precondition }: ConditionalWrite): Buffer {
  const condition = JSON.stringify(precondition)
  const hash = createHash('sha256')
  for (const part of [write.kind, write.key, condition, ...partsOf(write)]) {
    const bytes = Buffer.from(part)
    hash.update(`${bytes.length}:`).update(bytes)
  }
  return hash.digest()
}
