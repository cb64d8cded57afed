import { KvsError } from '../../core/errors.ts'
import type { AskedTransaction, ConditionalWrite, InLog, Transacted } from '../../kv/index.ts'
import { type Clock, systemClock } from '../../lib/clock.ts'
import { type LogSession, NotAppended, RingUnseen, Unappendable, type Verdict } from '../../log/index.ts'
import { bisect } from '../append/bisection.ts'
import type { QueueLimits } from '../append/waiting-writes.ts'
import type { Mirror } from '../mirror.ts'
import { firstRefusal, type RefusalOf } from '../ring-hooks.ts'
import type { Asked } from './asked.ts'
import { askedTransaction } from './asked-transaction.ts'
import { askedWrite } from './asked-write.ts'
import { type RoundItem, takeRound } from './conditional-round.ts'

/**
 * Requests that have to be decided on in the order of the log. A round decides on each by the view; the log takes what
 * no other node's entry has overtaken, and the rest is decided on anew, by a view that has that entry. None of them is
 * ever spooled.
 */
export interface ConditionalQueue {
  /**
   * Rejects with `ConditionFailed`, `idempotency_key_reused`, `not_stored`, `log_down` or `overloaded`: nothing was
   * stored; or with `undecided`.
   */
  add(conditional: ConditionalWrite): Promise<InLog>
  /** Rejects in the same way, and with `ConditionsFailed` or `OperationFailed`. */
  transact(transaction: AskedTransaction): Promise<Transacted>
  /** Requests that wait, without those in a round. */
  readonly length: number
  /** Weight in bytes of those that wait or are in a round. */
  readonly bytes: number
  /**
   * One round. Rejects as `LogSession.appendConditional` and `read` do, and the round's requests are rejected too, with
   * three exceptions: after an `Unappendable` they wait again, and the caller abandons them; after a `RingUnseen` they
   * wait to be decided on anew; where the log refuses several for what is in them, each half waits again, for a round
   * of its own.
   * @param assign gives as many writes their numbers, and returns the last one
   * @returns `landed` where any has, `asked` where none has, after both of which the view has all that the log had
   * before; undefined where nothing waited
   */
  appendNext(session: LogSession, assign: (writes: number) => bigint): Promise<'landed' | 'asked' | undefined>
  /**
   * Rejects what waits and has a key that is refused. Those in a round go on; where they are to wait again, those that
   * are refused are rejected instead.
   */
  rejectWhere(refusalOf: RefusalOf): void
  /** Rejects all that waits. */
  abandon(error: KvsError): void
}

interface Waiting extends RoundItem {
  /** Monotonic moment, in milliseconds. */
  readonly deadline: number
  /** Answers its client, as the log has judged it. */
  readonly settle: (verdict: Verdict) => void
  readonly reject: (error: KvsError) => void
}

interface Contents {
  waiting: Waiting[]
  bytes: number
  isInRound: boolean
  /** Says what is rejected of the round under way where it is to wait again; undefined for nothing. */
  refusalOf: RefusalOf | undefined
}

/**
 * @param now the log server's clock, as `Log.now`
 * @param onAdd called when there is something to do
 */
export function makeConditionalQueue(
  mirror: Pick<Mirror, 'view' | 'logId' | 'appendConditional'>,
  now: () => number | undefined,
  limits: QueueLimits,
  onAdd: () => void,
  clock: Clock = systemClock,
): ConditionalQueue {
  const queue: Contents = { waiting: [], bytes: 0, isInRound: false, refusalOf: undefined }

  function enqueue<Result>(asked: Asked<Result>): Promise<Result> {
    const { weight } = asked
    if (queue.waiting.length >= limits.maxWrites || (queue.bytes > 0 && queue.bytes + weight > limits.maxBytes)) {
      return Promise.reject(new KvsError('overloaded'))
    }
    queue.bytes += weight
    const { promise, resolve, reject } = Promise.withResolvers<Result>()
    const request = asked.idempotencyKey === undefined ? undefined : asked.hash()
    const deadline = clock.now() + limits.timeoutMs
    const settle = (verdict: Verdict) => {
      try {
        resolve(asked.answer(verdict, mirror.logId ?? ''))
      } catch (error) {
        reject(error)
      }
    }
    queue.waiting.push({ asked, request, deadline, settle, reject, part: undefined })
    onAdd()
    return promise
  }

  return {
    add: (conditional) => enqueue(askedWrite(conditional)),
    transact: (transaction) => enqueue(askedTransaction(transaction)),

    get length() {
      return queue.waiting.length
    },
    get bytes() {
      return queue.bytes
    },

    async appendNext(session, assign) {
      rejectLate(queue, clock.now())
      const { items, decided, left } = takeRound(queue.waiting, mirror.view, now())
      queue.waiting = left
      if (items.length === 0) return undefined
      // Numbers rise where there is nothing to write as well.
      const last = assign(Math.max(1, decided.flatMap(({ writes }) => writes).length))
      queue.isInRound = true
      const verdicts = await mirror.appendConditional(session, decided, last).catch((error) => {
        settleFailure(queue, items, error)
        endRound(queue)
        throw error
      })
      settleVerdicts(queue, items, verdicts)
      endRound(queue)
      return verdicts.some(({ outcome }) => outcome === 'landed') ? 'landed' : 'asked'
    },

    rejectWhere(refusalOf) {
      if (queue.isInRound) queue.refusalOf = refusalOf
      rejectWhere(queue, refusalOf)
    },

    abandon(error) {
      const items = queue.waiting
      queue.waiting = []
      rejectAll(queue, items, error)
    },
  }
}

/** What the log refuses for one of several is tried again in halves. */
function settleFailure(queue: Contents, items: readonly Waiting[], error: unknown): void {
  const isForContent = error instanceof NotAppended && !error.logIsDown && items.length > 1
  if (isForContent) bisect(items)
  const waitAgain = isForContent || error instanceof Unappendable || error instanceof RingUnseen
  if (waitAgain) queue.waiting = [...items, ...queue.waiting]
  else rejectAll(queue, items, refusal(error))
}

/** What was overtaken waits again, before what came later. */
function settleVerdicts(queue: Contents, items: readonly Waiting[], verdicts: readonly Verdict[]): void {
  const overtaken = items.filter((_, index) => verdicts[index]?.outcome === 'overtaken')
  queue.waiting = [...overtaken, ...queue.waiting]
  items.forEach((item, index) => {
    const verdict = verdicts[index]
    if (!verdict || verdict.outcome === 'overtaken') return
    queue.bytes -= item.asked.weight
    item.settle(verdict)
  })
}

/** What the round has left to wait is among the others again. */
function endRound(queue: Contents): void {
  const { refusalOf } = queue
  queue.isInRound = false
  queue.refusalOf = undefined
  if (refusalOf) rejectWhere(queue, refusalOf)
}

function rejectWhere(queue: Contents, refusalOf: RefusalOf): void {
  queue.waiting = queue.waiting.filter((item) => {
    const refusal = firstRefusal(refusalOf, item.asked.keys())
    if (refusal !== undefined) rejectAll(queue, [item], refusal)
    return refusal === undefined
  })
}

/** Rejects those that have waited for too long; what is in a round is on its way. */
function rejectLate(queue: Contents, now: number): void {
  const late = queue.waiting.filter(({ deadline }) => deadline <= now)
  if (late.length === 0) return
  queue.waiting = queue.waiting.filter(({ deadline }) => deadline > now)
  rejectAll(queue, late, new KvsError('not_stored'))
}

function rejectAll(queue: Contents, items: readonly Waiting[], error: KvsError): void {
  for (const { asked } of items) queue.bytes -= asked.weight
  for (const { reject } of items) reject(error)
}

function refusal(error: unknown): KvsError {
  if (!(error instanceof NotAppended)) return new KvsError('undecided')
  const cause = { cause: error }
  if (!error.logIsDown) return new KvsError('not_stored', undefined, cause)
  return new KvsError('log_down', `the log takes no writes now; nothing was done: ${error.message}`, cause)
}
