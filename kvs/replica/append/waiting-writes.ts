import { KvsError } from '../../core/errors.ts'
import { type Write, weight } from '../../core/operation/operation.ts'
import type { Stored } from '../../kv/index.ts'
import type { Clock, Timer } from '../../lib/clock.ts'
import type { RefusalOf } from '../ring-hooks.ts'
import type { Bisectable } from './bisection.ts'

export interface QueueLimits {
  /** How many writes may wait or be under way. */
  readonly maxWrites: number
  /** Their weight together, in bytes. One alone may weigh more. */
  readonly maxBytes: number
  /** How long a write waits for its answer, in milliseconds. */
  readonly timeoutMs: number
  /** How much longer it waits once it is under way, in milliseconds. */
  readonly graceMs: number
}

/** What is known of a batch whose answer is lost. */
export interface Doubt {
  /** Number of its last write. */
  readonly last: bigint
  /** Monotonic moment until which it may still land; undefined where nothing can land any more. */
  readonly mayLandUntil: number | undefined
}

/** A write whose client waits for the answer. */
export interface WaitingWrite extends Bisectable {
  readonly write: Write
  /** Monotonic moment, in milliseconds. */
  readonly deadline: number
  readonly resolve: (stored: Stored) => void
  readonly reject: (error: KvsError) => void
  answered: boolean
}

/** What the queue holds. */
export interface QueueContents {
  waiting: WaitingWrite[]
  underWay: BatchUnderWay | undefined
  /** Weight of all writes that wait or are under way. */
  bytes: number
}

export interface BatchUnderWay {
  readonly items: WaitingWrite[]
  readonly writes: readonly Write[]
  doubt: Doubt | undefined
  /** Says which of its writes are rejected where they are to wait again; undefined for none. */
  refusalOf: RefusalOf | undefined
}

export function lengthOf({ waiting, underWay }: QueueContents): number {
  return waiting.length + (underWay?.items.length ?? 0)
}

/** Takes the batch under way out of the queue. Its writes are answered by the caller. */
export function removeUnderWay(queue: QueueContents): WaitingWrite[] {
  const items = queue.underWay?.items ?? []
  queue.underWay = undefined
  for (const { write } of items) queue.bytes -= weight(write)
  return items
}

export function removeWaiting(queue: QueueContents): WaitingWrite[] {
  const items = queue.waiting
  queue.waiting = []
  for (const { write } of items) queue.bytes -= weight(write)
  return items
}

function reject(item: WaitingWrite, error: KvsError): void {
  if (!item.answered) item.reject(error)
  item.answered = true
}

export function rejectAll(items: readonly WaitingWrite[], error: KvsError): void {
  for (const item of items) reject(item, error)
}

/** Rejects those that wait and are refused. Those under way are as soon as they are to wait again. */
export function rejectWhere(queue: QueueContents, refusalOf: RefusalOf): void {
  if (queue.underWay) queue.underWay.refusalOf = refusalOf
  const { waiting } = queue
  queue.waiting = withoutRefused(waiting, refusalOf)
  if (queue.waiting.length === waiting.length) return
  queue.bytes = 0
  for (const { write } of [...(queue.underWay?.items ?? []), ...queue.waiting]) queue.bytes += weight(write)
}

/** Rejects those that are refused, and returns the others. */
export function withoutRefused(items: WaitingWrite[], refusalOf: RefusalOf | undefined): WaitingWrite[] {
  if (refusalOf === undefined) return items
  return items.filter((item) => {
    const refusal = refusalOf(item.write.key)
    if (refusal !== undefined) reject(item, refusal)
    return refusal === undefined
  })
}

/** Rejects what has waited for too long. */
export interface Deadlines {
  /** A write with this deadline has come. */
  noteDeadline(deadline: number): void
  /** Sets the timer anew where what waits now is due sooner than it. */
  setTimer(): void
}

/** One timer for the next deadline, not set anew for each write: the common write is answered long before. */
export function makeDeadlines(queue: QueueContents, { graceMs }: QueueLimits, clock: Clock): Deadlines {
  let timer: Timer | undefined
  let timerIsFor = Infinity

  function setTimer(): void {
    const late = queue.underWay?.items.find((item) => !item.answered)
    const due = Math.min(queue.waiting[0]?.deadline ?? Infinity, (late?.deadline ?? Infinity) + graceMs)
    if (due >= timerIsFor) return
    timer?.cancel()
    timer = clock.after(Math.max(1, due - clock.now()), expire).unref()
    timerIsFor = due
  }

  function expire(): void {
    timerIsFor = Infinity
    const now = clock.now()
    for (const item of queue.underWay?.items ?? []) {
      if (item.deadline + graceMs <= now) reject(item, new KvsError('undecided'))
    }
    const live = queue.waiting.findIndex((item) => item.deadline > now)
    const expired = queue.waiting.splice(0, live < 0 ? queue.waiting.length : live)
    for (const { write } of expired) queue.bytes -= weight(write)
    rejectAll(expired, new KvsError('not_stored'))
    setTimer()
  }

  return {
    noteDeadline(deadline) {
      if (deadline < timerIsFor) setTimer()
    },
    setTimer,
  }
}
