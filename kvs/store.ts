import { once } from 'node:events'
import { makeAppendQueue, type QueueLimits } from './append-queue.ts'
import { makeBackoff } from './backoff.ts'
import type { Write } from './entry.ts'
import { KvsError } from './errors.ts'
import { makeFollower } from './follower.ts'
import { Diverged, type Log, type LogSession, NotAppended, Refused, Unavailable } from './log/log.ts'
import type { State, Status } from './status.ts'
import { type Found, OutOfOrder } from './view.ts'

export interface StoreOptions {
  readonly log: Log
  readonly limits: QueueLimits
  /** How long to wait for the log at start; undefined is for ever. */
  readonly connectTimeoutMs: number | undefined
  readonly logger: { info(message: string): void; warn(message: string): void; error(message: string): void }
}

/** Where log and view meet: one node's life from start to stop. */
export interface Store {
  /**
   * Lives until `stop`. Rejects with what only an operator can mend: the log refuses this program, or could not be
   * reached within the connect timeout.
   */
  run(): Promise<void>
  /** The key's value. Throws `not_ready` until the log is replayed; goes on while the log is down. */
  get(key: string): Found | undefined
  /** Resolves with the write's sequence once it is committed in the log and visible to `get`. */
  write(write: Write): Promise<bigint>
  /** Says on `status` that the node is about to stop; requests under way are still served. */
  drain(): void
  /** Ends the life. Writes that still wait are rejected; a node that drained for long enough has none. */
  stop(): Promise<void>
  /** LOGID=SEQUENCE of the last entry applied. */
  position(): string
  status(): Status
}

export function makeStore({ log, limits, connectTimeoutMs, logger }: StoreOptions): Store {
  const queue = makeAppendQueue(limits)
  const stopping = new AbortController()
  const backoff = makeBackoff()
  const startedAt = performance.now()

  const follower = makeFollower()

  let session: LogSession | undefined
  let state: Exclude<State, 'draining' | 'stopped'> = 'starting'
  let ending: 'draining' | 'stopped' | undefined
  let reason: string | null = 'connecting to the log'
  let downSince: number | undefined
  /** It can be reached, but has refused an append for a reason like a full disk: only another append can tell. */
  let takesNoWrites = false
  let isReplayed = false

  function become(next: typeof state, why: string | null): void {
    state = next
    reason = why
  }

  async function run(): Promise<void> {
    while (!stopping.signal.aborted) {
      const since = performance.now()
      try {
        session = await open()
        if (session && !stopping.signal.aborted) await follow(session)
      } catch (error) {
        if (error instanceof Diverged || error instanceof OutOfOrder) return diverge(error)
        if (error instanceof Refused || !session) throw error
        logIsDown(error)
      } finally {
        await session?.close()
        session = undefined
      }
      if (performance.now() - since > 10_000) backoff.reset()
      await backoff.pause(stopping.signal)
    }
  }

  /** Retries until the log is there, with a line for each distinct reason; undefined where the node stops first. */
  async function open(): Promise<LogSession | undefined> {
    let told = ''
    while (!stopping.signal.aborted) {
      try {
        return await log.open()
      } catch (error) {
        if (!(error instanceof Unavailable)) throw error
        if (stopping.signal.aborted) break
        become(isReplayed ? 'log down' : 'starting', error.message)
        if (told !== error.message) logger.warn(`waiting for the log: ${error.message}`)
        told = error.message
        const waited = performance.now() - startedAt
        if (!isReplayed && connectTimeoutMs !== undefined && waited >= connectTimeoutMs) {
          throw new Refused(`the log could not be reached within KVS_CONNECT_TIMEOUT: ${error.message}`)
        }
        await backoff.pause(stopping.signal)
      }
    }
    return undefined
  }

  /** Brings the view to the log's end, then appends what comes in until the session is lost or the node stops. */
  async function follow(session: LogSession): Promise<void> {
    let lost: Error | undefined
    void session.lost.then((error) => {
      lost = error
      queue.wake()
    })
    if (!isReplayed) logger.info(`connected to ${session.description}`)
    await follower.requireSamePast(session)
    await replay(session)
    if (!takesNoWrites) logIsUp(session)
    while (!stopping.signal.aborted) {
      if (lost) throw lost
      if (queue.length > 0) await appendBatch(session)
      else await queue.filled()
    }
  }

  async function replay(session: LogSession): Promise<void> {
    if (isReplayed) return follower.catchUp(session)
    const since = performance.now()
    become('replaying', 'replaying the log')
    await follower.catchUp(session)
    logger.info(`${follower.replayed} events replayed in ${seconds(since)}`)
    isReplayed = true
  }

  /** Acknowledges only what is committed, and only once the view shows it. */
  async function appendBatch(session: LogSession): Promise<void> {
    const batch = queue.take()
    try {
      queue.committed(await follower.append(session, batch))
      if (state !== 'serving') logIsUp(session)
      backoff.reset()
    } catch (error) {
      if (!(error instanceof NotAppended)) throw error
      if (error.logIsDown) {
        takesNoWrites = true
        queue.putBack()
        throw error
      }
      logger.error(`the log refuses a batch of ${batch.length} writes: ${error.message}`)
      queue.failed(new KvsError('not_stored', undefined, { cause: error }))
    }
  }

  function logIsUp(session: LogSession): void {
    become('serving', null)
    if (downSince !== undefined) logger.info(`the log is back after ${seconds(downSince)}: ${session.description}`)
    downSince = undefined
    takesNoWrites = false
  }

  function logIsDown(error: unknown): void {
    const message = error instanceof Error ? error.message : String(error)
    if (stopping.signal.aborted) return
    become(isReplayed ? 'log down' : 'starting', message)
    if (downSince === undefined) logger.warn(`the log is down: ${message}`)
    downSince ??= performance.now()
  }

  /** Keeps what the node holds, for reading and for the operator; nothing is written any more. */
  async function diverge(error: Error): Promise<void> {
    become('log diverged', error.message)
    logger.error(`log diverged: ${error.message}`)
    queue.abandon(new KvsError('not_stored', `the log diverged; nothing was stored: ${error.message}`))
    if (!stopping.signal.aborted) await once(stopping.signal, 'abort')
  }

  return {
    run,

    get(key) {
      if (!isReplayed) throw new KvsError('not_ready', `the node is ${state}: ${reason}`)
      return follower.view.get(key)
    },

    async write(write) {
      if (ending === 'stopped') throw new KvsError('draining')
      if (state === 'serving' || state === 'log down') return queue.add(write)
      if (state === 'log diverged') throw new KvsError('not_stored', `the log diverged; nothing was stored: ${reason}`)
      throw new KvsError('not_ready', `the node is ${state}: ${reason}`)
    },

    drain() {
      ending ??= 'draining'
    },

    async stop() {
      ending = 'stopped'
      stopping.abort()
      queue.abandon(new KvsError('draining'))
      queue.wake()
      await session?.close()
    },

    position: () => `${follower.logId}=${follower.view.position.sequence}`,

    status: () => ({
      state: ending ?? state,
      reason: ending ? 'told to stop' : reason,
      replayed: follower.replayed,
      total: follower.total,
      position: follower.logId === undefined ? null : `${follower.logId}=${follower.view.position.sequence}`,
    }),
  }
}

function seconds(since: number): string {
  return `${((performance.now() - since) / 1000).toFixed(3)} s`
}
