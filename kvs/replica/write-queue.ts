import type { LogPoint } from '../core/entry.ts'
import { KvsError } from '../core/errors.ts'
import { batchLimits } from '../core/limits.ts'
import { type Write, weight } from '../core/operation/operation.ts'
import { markOf, tagOf } from '../core/version.ts'
import type { Stored } from '../kv/index.ts'
import { inHalves } from './halves.ts'

/** Where a batch is in the log. */
export interface Appended {
  readonly logId: string
  /** Its last write's. */
  readonly end: LogPoint
  /** For each write whether it took the place of a value. */
  readonly replaced: readonly boolean[]
}

export interface QueueLimits {
  /** Writes waiting or being appended, at the most. */
  readonly maxWrites: number
  /** Their weight together, in bytes, at the most; one alone may weigh more. */
  readonly maxBytes: number
  /** How long a write waits for its answer, in milliseconds. */
  readonly timeoutMs: number
  /** How much longer it does so once it is under way. */
  readonly graceMs: number
}

/**
 * Group commit: the writes that wait while a batch is under way form the next one. Each write settles once: with where
 * it is stored, or with `not_stored`, `undecided`, `overloaded` or the error that its batch failed with.
 */
export interface AppendQueue {
  /** Rejects at once with `overloaded` past the limits. */
  add(write: Write): Promise<Stored>
  /** Settles when there is something to take, at once where there is, or when woken. Never rejects. */
  filled(): Promise<void>
  wake(): void
  /** The next batch, now under way; the same one again until it has settled. */
  take(): readonly Write[]
  /** The batch under way is committed, its entries at consecutive sequences up to its end's. */
  committed(appended: Appended): void
  /** The batch under way is in the spool. */
  spooled(): void
  /** The batch under way is given up, for this reason. */
  failed(error: KvsError): void
  /**
   * The log says no to the batch under way for what is in it. A write alone is given up, for this reason. Of several any may
   * be guilty: each half waits again, before the others and in its order, to be a batch of its own.
   */
  refused(error: KvsError): void
  /** The batch under way is not in the log; its writes wait again, before the others. */
  putBack(): void
  /** Rejects all that waits with this error, and what is under way as undecided. */
  abandon(error: KvsError): void
  /** What waits, and what is under way; `bytes` is its weight. */
  readonly length: number
  readonly bytes: number
}

interface Waiting {
  readonly write: Write
  readonly deadline: number
  readonly resolve: (stored: Stored) => void
  readonly reject: (error: KvsError) => void
  answered: boolean
  /** Its batch has no writes of another part; undefined unless it was in a batch that the log has refused. */
  part: object | undefined
}

export function makeAppendQueue(limits: QueueLimits): AppendQueue {
  let waiting: Waiting[] = []
  let underWay: { writes: Write[]; waiting: Waiting[] } | undefined
  let bytes = 0
  let onFilled: (() => void) | undefined
  let timer: NodeJS.Timeout | undefined
  let timerIsFor = Infinity

  const length = () => waiting.length + (underWay?.waiting.length ?? 0)

  function reject(item: Waiting, error: KvsError): void {
    if (!item.answered) item.reject(error)
    item.answered = true
  }

  function release(items: readonly Waiting[]): void {
    for (const { write } of items) bytes -= weight(write)
  }

  function settle(answer: (item: Waiting) => void): void {
    const items = underWay?.waiting ?? []
    underWay = undefined
    items.forEach(answer)
    release(items)
  }

  function putBack(): void {
    const items = underWay?.waiting ?? []
    underWay = undefined
    waiting = [...items.filter((item) => !item.answered), ...waiting]
    release(items.filter((item) => item.answered))
  }

  /** One timer for the next deadline, not set anew for each write: the common one is answered long before. */
  function watch(): void {
    const late = underWay?.waiting.find((item) => !item.answered)
    const next = Math.min(waiting[0]?.deadline ?? Infinity, (late?.deadline ?? Infinity) + limits.graceMs)
    if (next >= timerIsFor) return
    clearTimeout(timer)
    timer = setTimeout(expire, Math.max(1, next - performance.now())).unref()
    timerIsFor = next
  }

  function expire(): void {
    timerIsFor = Infinity
    const now = performance.now()
    for (const item of underWay?.waiting ?? []) {
      if (item.deadline + limits.graceMs <= now) reject(item, new KvsError('undecided'))
    }
    const live = waiting.findIndex((item) => item.deadline > now)
    const expired = waiting.splice(0, live < 0 ? waiting.length : live)
    for (const item of expired) reject(item, new KvsError('not_stored'))
    release(expired)
    watch()
  }

  return {
    add(write) {
      if (length() >= limits.maxWrites || (bytes > 0 && bytes + weight(write) > limits.maxBytes)) {
        return Promise.reject(new KvsError('overloaded'))
      }
      bytes += weight(write)
      return new Promise((resolve, reject) => {
        const deadline = performance.now() + limits.timeoutMs
        waiting.push({ write, deadline, resolve, reject, answered: false, part: undefined })
        if (deadline < timerIsFor) watch()
        this.wake()
      })
    },

    filled() {
      if (length() > 0) return Promise.resolve()
      return new Promise((resolve) => {
        onFilled = resolve
      })
    },

    wake() {
      onFilled?.()
      onFilled = undefined
    },

    take() {
      if (underWay) return underWay.writes
      let size = 0
      let count = 0
      while (count < waiting.length && count < batchLimits.writes) {
        const { write, part } = waiting[count] as Waiting
        size += weight(write)
        if (part !== waiting[0]?.part) break
        if (count > 0 && size > batchLimits.bytes) break
        count++
      }
      const taken = count === waiting.length ? waiting : waiting.slice(0, count)
      waiting = count === waiting.length ? [] : waiting.slice(count)
      underWay = { waiting: taken, writes: taken.map((item) => item.write) }
      return underWay.writes
    },

    committed({ logId, end, replaced }) {
      const mark = markOf(end.digest, 0, end.digest.length)
      const items = underWay?.waiting ?? []
      underWay = undefined
      release(items)
      const answer = () => {
        items.forEach((item, index) => {
          if (item.answered) return
          const sequence = end.sequence - BigInt(items.length - 1 - index)
          item.resolve({ sequence, tag: tagOf(logId, sequence, mark), replaced: replaced[index] ?? false })
        })
      }
      // The next batch is sent first, so that Postgres has work while these are answered.
      if (waiting.length > 0) setImmediate(answer)
      else answer()
    },

    spooled() {
      settle((item) => {
        if (!item.answered) item.resolve('spooled')
      })
    },

    failed(error) {
      settle((item) => reject(item, error))
    },

    refused(error) {
      const items = underWay?.waiting ?? []
      if (items.length <= 1) return settle((item) => reject(item, error))
      putBack()
      inHalves(items)
      watch()
    },

    putBack,

    abandon(error) {
      settle((item) => reject(item, new KvsError('undecided')))
      const rest = waiting
      waiting = []
      for (const item of rest) reject(item, error)
      release(rest)
    },

    get length() {
      return length()
    },
    get bytes() {
      return bytes
    },
  }
}
