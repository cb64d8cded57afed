import { KvsError } from '../core/errors.ts'
import { unlessAborted } from '../lib/abort.ts'
import type { Logger } from '../lib/logging.ts'
import { Diverged, type LogSession, NotAppended, Unavailable, Undecided } from '../log/index.ts'
import { type Spool, SpoolStorageError } from '../spool/index.ts'
import { OutOfOrder } from '../view/index.ts'
import { makeAppending } from './committer.ts'
import type { ConditionalQueue } from './conditional-queue.ts'
import type { Connector } from './connector.ts'
import type { Follower } from './log-copy.ts'
import { type Condition, seconds } from './node-health.ts'
import type { Outage } from './outage.ts'
import type { Waits } from './position-waits.ts'
import type { AppendQueue } from './write-queue.ts'

export interface LifeParts {
  readonly connector: Connector
  readonly queue: AppendQueue
  readonly conditional: ConditionalQueue
  readonly waits: Waits
  readonly follower: Follower
  readonly outage: Outage
  readonly spool: Spool | undefined
  readonly condition: Condition
  readonly spools: boolean
  /** Told of the log once it is replayed. */
  readonly onReplayed: (logId: string) => void
  /** How often the log is asked for what others have appended, and for a sign of life. */
  readonly tailIntervalMs: number
  readonly logger: Logger
}

/** A node's way from session to session: replay, catch up, drain, then append and follow until the session is lost. */
export interface Life {
  readonly isReplayed: boolean
  /** In step with a log that can be asked, and nothing is spooled; it may take no writes just now. */
  readonly isFollowing: boolean
  /** There is a session, and the log has not refused to take writes over it. */
  readonly isLogUp: boolean
  /** When the view was last known to have all that the log had, as a moment of `performance.now()`. */
  readonly caughtUpAt: number
  /** Has the log read soon. */
  look(): void
  /** Says so, and what it means for whoever waits. */
  logIsDown(error: Error): void
  /** As `Store.run`, until the signal aborts. */
  run(signal: AbortSignal): Promise<void>
  /** Ends the session, once the signal has aborted. */
  stop(): Promise<void>
}

export function makeLife(parts: LifeParts): Life {
  const { connector, queue, conditional, waits, follower, outage, spool, condition, logger } = parts
  const appending = makeAppending(parts)
  let session: LogSession | undefined
  let isConnected = false
  let isReplayed = false
  let isFollowing = false
  let connectedTo: string | undefined
  let isStopping = false
  /** Somebody else may have appended. */
  let isLookDue = false
  let caughtUpAt = 0

  async function live(signal: AbortSignal): Promise<void> {
    if (spool && spool.writes > 0) logger.info(`writes in the spool that wait for the log: ${spool.writes}`)
    let closing: Promise<void> | undefined
    while (!signal.aborted) {
      session = undefined
      try {
        const connecting = Promise.resolve(closing).then(connector.connect)
        session = await (isReplayed ? outage.spoolDuring(connecting) : connecting)
        isConnected = session !== undefined
        // The spool may have taken so long that the stop came before this.
        if (session && !signal.aborted) await follow(session, signal)
      } catch (error) {
        if (error instanceof Diverged || error instanceof OutOfOrder) return diverge(error, signal)
        if (!isOutage(error)) throw error
        if (error instanceof NotAppended && error.logIsDown) appending.refusal = error.message
        logIsDown(error)
      } finally {
        isConnected = false
        closing = session?.close()
      }
    }
    await closing
    if (isReplayed) await outage.spoolRest()
    if (spool && spool.writes > 0) logger.info(`writes that stay in the spool until the next start: ${spool.writes}`)
  }

  /** Brings view and log to the same end, then goes on with it until the session is lost or the node stops. */
  async function follow(session: LogSession, signal: AbortSignal): Promise<void> {
    let lost: Error | undefined
    void session.lost.then((error) => {
      lost = error
      queue.wake()
    })
    session.onOthersAppended(look)
    await follower.requireSamePast(session)
    await (isReplayed ? catchUp(session) : replay(session))
    const drained = await outage.drain(session, (hasDrained) => {
      // A log that took no writes has not taken any again before the first batch has landed.
      if (hasDrained) appending.refusal = undefined
      if (appending.refusal === undefined) condition.drains(spool?.writes ?? 0)
    })
    if (drained > 0) appending.refusal = undefined
    if (appending.refusal === undefined) condition.logIsUp(session.description)
    if (drained > 0) logger.info(`spooled writes that are in the log now: ${drained}`)
    waits.logIsUp()
    look()
    const looking = setInterval(look, parts.tailIntervalMs)
    isFollowing = true
    try {
      while (!signal.aborted) {
        if (lost) throw lost
        if (appending.hasWork || isLookDue || waits.isAsked) await goOn(session)
        else await queue.filled()
      }
    } finally {
      isFollowing = false
      clearInterval(looking)
    }
  }

  /** Does what there is to do, after which the view has all that the log had before. */
  async function goOn(session: LogSession): Promise<void> {
    const since = performance.now()
    const answered = waits.question()
    // An append also reads what others have appended before it.
    let head = appending.hasWork ? await appending.appendNext(session) : undefined
    // One that was refused tells nothing of the log, and the next one may be refused as well, for as long as there are any.
    if (head === undefined && (isLookDue || waits.isAsked)) head = await tail(session)
    connector.wasOfUse()
    if (head === undefined) return
    caughtUpAt = since
    answered(head)
    waits.advanced(follower.view.position.sequence)
  }

  function tail(session: LogSession): Promise<bigint> {
    isLookDue = false
    return follower.tail(session)
  }

  async function replay(session: LogSession): Promise<void> {
    if (connectedTo !== session.description) logger.info(`connected to ${session.description}`)
    connectedTo = session.description
    await outage.requireSameLog(session)
    const since = performance.now()
    condition.become('replaying', 'replaying the log')
    const { keys, entries } = await follower.replay(session)
    const on = keys > 0 ? `, on a checkpoint of ${keys} keys,` : ''
    logger.info(`${entries} events replayed${on} in ${seconds(since)}`)
    await outage.findOvertaken(session)
    outage.settle(session)
    isReplayed = true
    caughtUpAt = since
    parts.onReplayed(session.head.logId)
  }

  async function catchUp(session: LogSession): Promise<void> {
    const since = performance.now()
    condition.become('log down', appending.refusal ?? 'the log is back; reading what others have written meanwhile')
    const replaced = await follower.catchUp(session, async () => {
      waits.advanced(follower.view.position.sequence)
      await outage.spoolBatch()
    })
    outage.settle(session, replaced)
    caughtUpAt = since
    waits.advanced(follower.view.position.sequence)
  }

  function logIsDown(error: Error): void {
    if (isStopping) return
    const { message } = error
    if (error instanceof NotAppended && !error.logIsDown) condition.tellRefusal(message)
    conditional.abandon(new KvsError('log_down', `the log is down, and nothing was stored: ${message}`))
    waits.logIsDown(message)
    const so = parts.spools ? 'writes go to the spool' : 'writes wait, and are refused in the end'
    if (isReplayed) condition.logIsDown(message, so)
    else condition.waits(message)
  }

  /** Keeps what the node holds, for reading and for the operator; nothing is written any more. */
  async function diverge(error: Error, signal: AbortSignal): Promise<void> {
    condition.become('log diverged', error.message)
    logger.error(`log diverged: ${error.message}`)
    const refusal = new KvsError('not_stored', `the log diverged; nothing was stored: ${error.message}`)
    queue.abandon(refusal)
    conditional.abandon(refusal)
    waits.logIsDown('the log diverged')
    await unlessAborted(new Promise<never>(() => undefined), signal)
  }

  function look(): void {
    isLookDue = true
    queue.wake()
  }

  return {
    get isReplayed() {
      return isReplayed
    },
    get isFollowing() {
      return isFollowing
    },
    get isLogUp() {
      return isConnected && appending.refusal === undefined
    },
    get caughtUpAt() {
      return caughtUpAt
    },
    look,
    logIsDown,
    run: live,
    async stop() {
      isStopping = true
      queue.wake()
      await session?.close()
    },
  }
}

/** What trying again can mend; all else is a defect, or what only an operator can mend. */
function isOutage(error: unknown): error is Error {
  const kinds = [Unavailable, Undecided, NotAppended, SpoolStorageError]
  return kinds.some((kind) => error instanceof kind)
}
