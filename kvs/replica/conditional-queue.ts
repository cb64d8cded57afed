import { createHash } from 'node:crypto'
import { ConditionFailed, KvsError } from '../core/errors.ts'
import { batchLimits } from '../core/limits.ts'
import { isExpiry, partsOf, type Write, weight } from '../core/operation/operation.ts'
import { holds } from '../core/precondition.ts'
import { type CurrentVersion, unlessLapsed } from '../core/version.ts'
import type { ConditionalWrite, InLog } from '../kv/index.ts'
import { type Clock, systemClock } from '../lib/clock.ts'
import { type Decided, type LogSession, NotAppended, Unappendable, type Verdict } from '../log/index.ts'
import { type Bisectable, bisect } from './bisection.ts'
import type { Mirror } from './mirror.ts'
import type { QueueLimits } from './waiting-writes.ts'

/**
 * Writes that have to be decided on in the order of the log. A round decides on each by the view; the log takes what no
 * other node's entry has overtaken, and the rest is decided on anew, by a view that has that entry. Of the writes to
 * one key one lands in a round, so that the next is decided on with it in the view. None of them is ever spooled.
 */
export interface ConditionalQueue {
  /**
   * Rejects with `ConditionFailed`, `idempotency_key_reused`, `not_stored`, `log_down` or `overloaded`: nothing was
   * stored; or with `undecided`.
   */
  add(conditional: ConditionalWrite): Promise<InLog>
  /** Writes that wait, without those in a round. */
  readonly length: number
  /** Weight in bytes of the writes that wait or are in a round. */
  readonly bytes: number
  /**
   * One round. Rejects as `LogSession.appendConditional` and `read` do, and the round's writes are rejected too, with
   * two exceptions: after an `Unappendable` they wait again, and the caller abandons them; where the log refuses
   * several for what is in them, each half waits again, for a round of its own.
   * @param assign gives the round's writes their numbers
   * @returns `landed` where any has, `asked` where none has, after both of which the view has all that the log had
   * before; undefined where nothing waited
   */
  appendNext(session: LogSession, assign: (writes: number) => bigint): Promise<'landed' | 'asked' | undefined>
  /** Rejects all that waits. */
  abandon(error: KvsError): void
}

interface Waiting extends ConditionalWrite, Bisectable {
  /** Hash of the request; undefined without an idempotency key. */
  readonly request: Buffer | undefined
  /** Monotonic moment, in milliseconds. */
  readonly deadline: number
  readonly resolve: (stored: InLog) => void
  readonly reject: (error: KvsError) => void
}

interface Contents {
  waiting: Waiting[]
  bytes: number
}

/** A round's writes, with what the view says of each. */
interface Round {
  readonly items: Waiting[]
  readonly decided: Decided[]
}

/**
 * @param now the log server's clock, as `Log.now`
 * @param onAdd called when there is something to do
 */
export function makeConditionalQueue(
  mirror: Pick<Mirror, 'view' | 'appendConditional'>,
  now: () => number | undefined,
  limits: QueueLimits,
  onAdd: () => void,
  clock: Clock = systemClock,
): ConditionalQueue {
  const queue: Contents = { waiting: [], bytes: 0 }

  return {
    add(conditional) {
      const bytes = weight(conditional.write)
      if (queue.waiting.length >= limits.maxWrites || (queue.bytes > 0 && queue.bytes + bytes > limits.maxBytes)) {
        return Promise.reject(new KvsError('overloaded'))
      }
      queue.bytes += bytes
      return new Promise((resolve, reject) => {
        const request = conditional.idempotencyKey === undefined ? undefined : hashOf(conditional)
        const deadline = clock.now() + limits.timeoutMs
        queue.waiting.push({ ...conditional, request, deadline, resolve, reject, part: undefined })
        onAdd()
      })
    },

    get length() {
      return queue.waiting.length
    },
    get bytes() {
      return queue.bytes
    },

    async appendNext(session, assign) {
      rejectLate(queue, clock.now())
      const round = takeRound(queue, (write) => currentOf(write, mirror, now()))
      const { items, decided } = round
      if (items.length === 0) return undefined
      const verdicts = await mirror.appendConditional(session, decided, assign(items.length)).catch((error) => {
        settleFailure(queue, items, error)
        throw error
      })
      settleVerdicts(queue, items, verdicts)
      return verdicts.some(({ outcome }) => outcome === 'landed') ? 'landed' : 'asked'
    },

    abandon(error) {
      const items = queue.waiting
      queue.waiting = []
      rejectAll(queue, items, error)
    },
  }
}

/** Takes as many as make a batch, in their order, and no two that depend on each other. */
function takeRound(queue: Contents, current: (write: Write) => CurrentVersion | undefined): Round {
  const round: Round = { items: [], decided: [] }
  const keys = new Set<string>()
  const idempotencyKeys = new Set<string>()
  let bytes = 0
  queue.waiting = queue.waiting.filter((item) => {
    const { write, idempotencyKey, part } = item
    const isFull = round.items.length >= batchLimits.writes || bytes >= batchLimits.bytes
    const [first] = round.items
    if (isFull || (first && first.part !== part) || keys.has(write.key)) return true
    if (idempotencyKey !== undefined && idempotencyKeys.has(idempotencyKey)) return true
    const decided = decide(item, current(write))
    if (decided.lands) keys.add(write.key)
    if (idempotencyKey !== undefined) idempotencyKeys.add(idempotencyKey)
    bytes += weight(write)
    round.items.push(item)
    round.decided.push(decided)
    return false
  })
  return round
}

/**
 * The version that a write is decided by. A lapsed key has none, but for its expiry: that is decided by the very entry
 * that the key has.
 */
function currentOf(write: Write, { view }: Pick<Mirror, 'view'>, now: number | undefined): CurrentVersion | undefined {
  const version = view.versionOf(write.key)
  return isExpiry(write) ? version : unlessLapsed(version, now)
}

function decide(
  { write, precondition, idempotencyKey, request }: Waiting,
  current: CurrentVersion | undefined,
): Decided {
  const idempotency = idempotencyKey !== undefined && request ? { key: idempotencyKey, request } : undefined
  return { write, lands: holds(precondition, current), current, idempotency }
}

/** What the log refuses for one write of several is tried again in halves. */
function settleFailure(queue: Contents, items: readonly Waiting[], error: unknown): void {
  const isForContent = error instanceof NotAppended && !error.logIsDown && items.length > 1
  if (isForContent) bisect(items)
  if (isForContent || error instanceof Unappendable) queue.waiting = [...items, ...queue.waiting]
  else rejectAll(queue, items, refusal(error))
}

/** What was overtaken waits again, before what came later. */
function settleVerdicts(queue: Contents, items: readonly Waiting[], verdicts: readonly Verdict[]): void {
  const overtaken = items.filter((_, index) => verdicts[index]?.outcome === 'overtaken')
  queue.waiting = [...overtaken, ...queue.waiting]
  items.forEach((item, index) => {
    const verdict = verdicts[index]
    if (!verdict || verdict.outcome === 'overtaken') return
    queue.bytes -= weight(item.write)
    answer(item, verdict)
  })
}

function answer(item: Waiting, { outcome, version, current }: Verdict): void {
  if (outcome === 'reused') item.reject(new KvsError('idempotency_key_reused'))
  else if (version === undefined) item.reject(new ConditionFailed(current?.tag))
  else item.resolve({ ...version, replaced: current !== undefined })
}

/** Rejects those that have waited for too long; what is in a round is on its way. */
function rejectLate(queue: Contents, now: number): void {
  const late = queue.waiting.filter(({ deadline }) => deadline <= now)
  if (late.length === 0) return
  queue.waiting = queue.waiting.filter(({ deadline }) => deadline > now)
  rejectAll(queue, late, new KvsError('not_stored'))
}

function rejectAll(queue: Contents, items: readonly Waiting[], error: KvsError): void {
  for (const { write } of items) queue.bytes -= weight(write)
  for (const { reject } of items) reject(error)
}

function refusal(error: unknown): KvsError {
  if (!(error instanceof NotAppended)) return new KvsError('undecided')
  const cause = { cause: error }
  if (!error.logIsDown) return new KvsError('not_stored', undefined, cause)
  return new KvsError('log_down', `the log takes no writes now; nothing was done: ${error.message}`, cause)
}

/** Equal requests alone have equal hashes: each part is preceded by its length. */
function hashOf({ write, precondition, asked }: ConditionalWrite): Buffer {
  const condition = JSON.stringify(precondition)
  const hash = createHash('sha256')
  const parts = [write.kind, write.key, condition, ...partsOf(write), ...(asked === undefined ? [] : [asked])]
  for (const part of parts) {
    const bytes = Buffer.from(part)
    hash.update(`${bytes.length}:`).update(bytes)
  }
  return hash.digest()
}
