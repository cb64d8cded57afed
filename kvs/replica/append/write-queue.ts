import type { LogPoint } from '../../core/entry.ts'
import { KvsError } from '../../core/errors.ts'
import { batchLimits } from '../../core/limits.ts'
import { type Write, weight } from '../../core/operation/operation.ts'
import { markOf, tagOf } from '../../core/version.ts'
import type { Stored } from '../../kv/index.ts'
import { type Clock, systemClock } from '../../lib/clock.ts'
import type { RefusalOf } from '../ring-hooks.ts'
import { bisect } from './bisection.ts'
import {
  type Doubt,
  lengthOf,
  makeDeadlines,
  type QueueContents,
  type QueueLimits,
  rejectAll,
  rejectWhere,
  removeUnderWay,
  removeWaiting,
  type WaitingWrite,
  withoutRefused,
} from './waiting-writes.ts'

/** A batch that is committed. */
export interface Appended {
  readonly logId: string
  /** The last write's entry. */
  readonly end: LogPoint
  /** For each write whether it took the place of a value. */
  readonly replaced: readonly boolean[]
}

/** Writes that have left the queue without an answer. */
export interface Unanswered {
  spooled(): void
  failed(error: KvsError): void
}

/**
 * Group commit: the writes that wait while a batch is under way form the next one. Each write settles once: with where
 * it is stored, or with `not_stored`, `undecided`, `overloaded` or the error that its batch failed with.
 */
export interface WriteQueue {
  /** Rejects at once with `overloaded` past the limits. */
  add(write: Write): Promise<Stored>
  /** Resolves when there is something to take, at once where there is, or when woken. Never rejects. */
  filled(): Promise<void>
  wake(): void
  /** The next batch, now under way; the same one again until it has settled. */
  take(): readonly Write[]
  /** Set for the batch under way where its answer is lost. */
  readonly doubt: Doubt | undefined
  /** The answer to the batch under way is lost. It stays under way, under its numbers. */
  leaveInDoubt(doubt: Doubt): void
  /** The batch under way is committed, its entries at consecutive sequences up to its end's. */
  committed(appended: Appended): void
  /** The batch under way is in the spool, and is acknowledged. */
  spooled(): void
  /** The batch under way is in the spool, and is to be answered later, through what is returned. */
  detach(): Unanswered
  /** The batch under way is given up, for this reason. */
  failed(error: KvsError): void
  /**
   * The log refuses the batch under way for what is in it. A write alone is given up, for this reason. Of several any
   * may be guilty: each half waits again, before the others and in its order, to be a batch of its own.
   */
  refused(error: KvsError): void
  /** The batch under way is not in the log; its writes wait again, before the others. */
  putBack(): void
  /**
   * Rejects what waits and is refused. The batch under way goes on, and in doubt stays so: where its writes are to wait
   * again, those that are refused are rejected instead.
   */
  rejectWhere(refusalOf: RefusalOf): void
  /** Rejects all that waits with this error, and what is under way as undecided. */
  abandon(error: KvsError): void
  /** Writes that wait or are under way. */
  readonly length: number
  /** Their weight, in bytes. */
  readonly bytes: number
}

export function makeWriteQueue(limits: QueueLimits, clock: Clock = systemClock): WriteQueue {
  const queue: QueueContents = { waiting: [], underWay: undefined, bytes: 0 }
  const deadlines = makeDeadlines(queue, limits, clock)
  let onFilled: (() => void) | undefined

  function wake(): void {
    onFilled?.()
    onFilled = undefined
  }

  return {
    add(write) {
      const bytes = weight(write)
      if (lengthOf(queue) >= limits.maxWrites || (queue.bytes > 0 && queue.bytes + bytes > limits.maxBytes)) {
        return Promise.reject(new KvsError('overloaded'))
      }
      queue.bytes += bytes
      return new Promise((resolve, reject) => {
        const deadline = clock.now() + limits.timeoutMs
        queue.waiting.push({ write, deadline, resolve, reject, answered: false, part: undefined })
        deadlines.noteDeadline(deadline)
        wake()
      })
    },
    filled() {
      if (lengthOf(queue) > 0) return Promise.resolve()
      return new Promise((resolve) => {
        onFilled = resolve
      })
    },
    wake,
    take: () => take(queue),
    get doubt() {
      return queue.underWay?.doubt
    },
    leaveInDoubt(doubt) {
      if (queue.underWay) queue.underWay.doubt = doubt
    },
    committed: (appended) => answerCommitted(queue, appended, clock),
    spooled: () => answerSpooled(removeUnderWay(queue)),
    detach: () => detach(queue),
    failed: (error) => rejectAll(removeUnderWay(queue), error),
    refused(error) {
      refuse(queue, error)
      deadlines.setTimer()
    },
    putBack: () => putBack(queue),
    rejectWhere: (refusalOf) => rejectWhere(queue, refusalOf),
    abandon(error) {
      rejectAll(removeUnderWay(queue), new KvsError('undecided'))
      rejectAll(removeWaiting(queue), error)
    },
    get length() {
      return lengthOf(queue)
    },
    get bytes() {
      return queue.bytes
    },
  }
}

function take(queue: QueueContents): readonly Write[] {
  if (queue.underWay) return queue.underWay.writes
  const { waiting } = queue
  let bytes = 0
  let count = 0
  while (count < waiting.length && count < batchLimits.writes) {
    const { write, part } = waiting[count] as WaitingWrite
    bytes += weight(write)
    if (part !== waiting[0]?.part || (count > 0 && bytes > batchLimits.bytes)) break
    count++
  }
  const items = count === waiting.length ? waiting : waiting.slice(0, count)
  queue.waiting = count === waiting.length ? [] : waiting.slice(count)
  const writes = items.map(({ write }) => write)
  queue.underWay = { items, writes, doubt: undefined, refusalOf: undefined }
  return writes
}

function answerCommitted(queue: QueueContents, { logId, end, replaced }: Appended, clock: Clock): void {
  const mark = markOf(end.digest, 0, end.digest.length)
  const items = removeUnderWay(queue)
  const answer = () => {
    items.forEach((item, index) => {
      if (item.answered) return
      const sequence = end.sequence - BigInt(items.length - 1 - index)
      item.resolve({ sequence, tag: tagOf(logId, sequence, mark), replaced: replaced[index] ?? false })
    })
  }
  // The next batch is sent first, so that Postgres has work while these are answered.
  if (queue.waiting.length > 0) clock.soon(answer)
  else answer()
}

function answerSpooled(items: readonly WaitingWrite[]): void {
  for (const item of items) if (!item.answered) item.resolve('spooled')
}

function detach(queue: QueueContents): Unanswered {
  const items = removeUnderWay(queue)
  return { spooled: () => answerSpooled(items), failed: (error) => rejectAll(items, error) }
}

function putBack(queue: QueueContents): WaitingWrite[] {
  const refusalOf = queue.underWay?.refusalOf
  const unanswered = removeUnderWay(queue).filter((item) => !item.answered)
  const items = withoutRefused(unanswered, refusalOf)
  for (const { write } of items) queue.bytes += weight(write)
  queue.waiting = [...items, ...queue.waiting]
  return items
}

function refuse(queue: QueueContents, error: KvsError): void {
  const count = queue.underWay?.items.length ?? 0
  if (count <= 1) rejectAll(removeUnderWay(queue), error)
  else bisect(putBack(queue))
}
