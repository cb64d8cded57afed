import { makeAppendQueue, type QueueLimits, type Stored } from './append-queue.ts'
import { type Logger, makeCondition, seconds } from './condition.ts'
import { makeConnector } from './connect.ts'
import type { Write } from './entry.ts'
import { KvsError } from './errors.ts'
import { makeFollower } from './follower.ts'
import { Diverged, type Log, type LogSession, NotAppended, Unavailable, Undecided } from './log/log.ts'
import { makeOutage } from './outage.ts'
import type { Spool } from './spool/spool.ts'
import { SpoolFileError } from './spool/threaded-file.ts'
import type { SpoolStatus, Status } from './status.ts'
import { unlessAborted } from './unless-aborted.ts'
import { type Found, OutOfOrder } from './view/view.ts'

export interface StoreOptions {
  readonly log: Log
  /** Told of the log once it is replayed. */
  readonly onReplayed: (logId: string) => void
  /** Undefined where the node has no disk to keep one on. */
  readonly spool: Spool | undefined
  /** Whether writes are spooled while the log is down, and why not. */
  readonly spooling: Pick<SpoolStatus, 'on' | 'reason' | 'maxBytes'>
  readonly limits: QueueLimits
  /** How long to wait for the log at start; undefined is for ever. */
  readonly connectTimeoutMs: number | undefined
  /** After how long a silent log is asked for a sign of life, in milliseconds. */
  readonly heartbeatMs: number
  readonly logger: Logger
}

/** Where log, view and spool meet: one node's life from start to stop. */
export interface Store {
  /**
   * Lives until `stop`. Rejects with what only an operator can mend: the log refuses this program, or could not be
   * reached within the connect timeout.
   */
  run(): Promise<void>
  /** The key's value. Throws `not_ready` until the log is replayed; goes on while the log is down. */
  get(key: string): Found | undefined
  /** Resolves once the write is visible to `get` and committed in the log or, while that is down, flushed to the spool. */
  write(write: Write): Promise<Stored>
  /** Says on `status` that the node is about to stop; requests under way are still served. */
  announceStop(): void
  /** Ends the life. Writes that still wait are spooled or rejected; a node that was given the time for it has none. */
  stop(): Promise<void>
  /** LOGID=SEQUENCE of the last entry applied. */
  position(): string
  status(): Status
}

export function makeStore({
  log,
  onReplayed,
  spool,
  spooling,
  limits,
  connectTimeoutMs,
  heartbeatMs,
  logger,
}: StoreOptions): Store {
  const queue = makeAppendQueue(limits)
  const follower = makeFollower((entry) => spool?.supersede(entry))
  const outage = makeOutage({ queue, follower, spool, spools: spooling.on, logger })
  const condition = makeCondition(logger)
  const stopping = new AbortController()
  const { signal } = stopping
  const connector = makeConnector({ log, signal, firstTimeoutMs: connectTimeoutMs, onUnavailable: logIsDown })

  let life: Promise<void> | undefined
  let session: LogSession | undefined
  let ending: 'draining' | 'stopped' | undefined
  /** It can be reached, but has refused an append for a reason like a full disk: only another append can tell. */
  let takesNoWrites = false
  let isReplayed = false
  let connectedTo: string | undefined

  async function live(): Promise<void> {
    if (spool && spool.writes > 0) logger.info(`writes in the spool that wait for the log: ${spool.writes}`)
    let closing: Promise<void> | undefined
    while (!signal.aborted) {
      session = undefined
      try {
        const connecting = Promise.resolve(closing).then(connector.connect)
        session = await (isReplayed ? outage.spoolDuring(connecting) : connecting)
        if (session) await follow(session)
      } catch (error) {
        if (error instanceof Diverged || error instanceof OutOfOrder) return diverge(error)
        if (!isOutage(error)) throw error
        logIsDown(error)
      } finally {
        closing = session?.close()
      }
    }
    await closing
    if (isReplayed) await outage.spoolRest()
    if (spool && spool.writes > 0) logger.info(`writes that stay in the spool until the next start: ${spool.writes}`)
  }

  /** Brings view and log to the same end, then appends what comes in until the session is lost or the node stops. */
  async function follow(session: LogSession): Promise<void> {
    let lost: Error | undefined
    void session.lost.then((error) => {
      lost = error
      queue.wake()
    })
    await follower.requireSamePast(session)
    await (isReplayed ? catchUp(session) : replay(session))
    const drained = await outage.drain(session, () => condition.drains(spool?.writes ?? 0))
    if (drained > 0) takesNoWrites = false
    if (!takesNoWrites) condition.logIsUp(session.description)
    if (drained > 0) logger.info(`spooled writes that are in the log now: ${drained}`)
    let isSilent = false
    const heartbeat = setInterval(() => {
      isSilent = true
      queue.wake()
    }, heartbeatMs)
    try {
      while (!signal.aborted) {
        if (lost) throw lost
        if (queue.length === 0 && !isSilent) {
          await queue.filled()
          continue
        }
        await (queue.length > 0 ? appendBatch(session) : session.ping())
        isSilent = false
        connector.wasOfUse()
      }
    } finally {
      clearInterval(heartbeat)
    }
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
    onReplayed(session.head.logId)
  }

  async function catchUp(session: LogSession): Promise<void> {
    condition.become('log down', 'the log is back; reading what others have written meanwhile')
    await follower.catchUp(session, outage.spoolBatch)
    outage.settle(session)
  }

  /** Acknowledges only what is committed, and only once the view shows it. */
  async function appendBatch(session: LogSession): Promise<void> {
    const batch = queue.take()
    const last = outage.number(batch.length)
    try {
      queue.committed(await follower.append(session, batch, last))
      if (condition.state !== 'serving') condition.logIsUp(session.description)
      takesNoWrites = false
    } catch (error) {
      if (!(error instanceof NotAppended)) {
        outage.leaveInDoubt(last)
        throw error
      }
      if (error.logIsDown) {
        takesNoWrites = true
        queue.putBack()
        throw error
      }
      logger.error(`the log refuses a batch of ${batch.length} writes: ${error.message}`)
      queue.failed(new KvsError('not_stored', undefined, { cause: error }))
    }
  }

  function logIsDown({ message }: Error): void {
    if (signal.aborted) return
    const so = spooling.on ? 'writes go to the spool' : 'writes wait, and are refused in the end'
    if (isReplayed) condition.logIsDown(message, so)
    else condition.waits(message)
  }

  /** Keeps what the node holds, for reading and for the operator; nothing is written any more. */
  async function diverge(error: Error): Promise<void> {
    condition.become('log diverged', error.message)
    logger.error(`log diverged: ${error.message}`)
    queue.abandon(new KvsError('not_stored', `the log diverged; nothing was stored: ${error.message}`))
    await unlessAborted(new Promise<never>(() => undefined), signal)
  }

  return {
    run() {
      life = live()
      return life
    },

    get(key) {
      if (!isReplayed) throw new KvsError('not_ready', `the node is ${condition.state}: ${condition.reason}`)
      const spooled = spool?.get(key)
      if (spooled === undefined) return follower.view.get(key)
      return spooled.kind === 'delete' ? undefined : { ...spooled, sequence: undefined }
    },

    async write(write) {
      const { state, reason } = condition
      if (ending === 'stopped') throw new KvsError('draining')
      if (state === 'serving' || state === 'log down') return queue.add(write)
      if (state === 'log diverged') throw new KvsError('not_stored', `the log diverged; nothing was stored: ${reason}`)
      throw new KvsError('not_ready', `the node is ${state}: ${reason}`)
    },

    announceStop() {
      ending ??= 'draining'
    },

    async stop() {
      ending = 'stopped'
      stopping.abort()
      queue.wake()
      await session?.close()
      await life?.catch(() => undefined)
      queue.abandon(new KvsError('draining'))
    },

    position: () => follower.position ?? '',

    status: () => ({
      state: ending ?? condition.state,
      reason: ending ? 'told to stop' : condition.reason,
      since: condition.since.toISOString(),
      replayed: follower.replayed,
      total: follower.total,
      position: follower.position ?? null,
      spool: {
        ...spooling,
        reason: spooling.reason ?? outage.obstacle,
        writes: spool?.writes ?? 0,
        bytes: spool?.bytes ?? 0,
      },
    }),
  }
}

/** What trying again can mend; all else is a defect, or what only an operator can mend. */
function isOutage(error: unknown): error is Error {
  const kinds = [Unavailable, Undecided, NotAppended, SpoolFileError]
  return kinds.some((kind) => error instanceof kind)
}
