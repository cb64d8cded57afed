import type { Found } from '../core/entry.ts'
import { KvsError } from '../core/errors.ts'
import { setsValue } from '../core/operation/operation.ts'
import { type Kv, type SpoolStatus, sequenceInOwnLog } from '../kv/index.ts'
import type { Logger } from '../lib/logging.ts'
import type { Log } from '../log/index.ts'
import type { Spool } from '../spool/index.ts'
import { makeConditionalQueue } from './conditional-queue.ts'
import { makeConnector } from './connector.ts'
import { makeFollower } from './log-copy.ts'
import { makeCondition } from './node-health.ts'
import { makeOutage } from './outage.ts'
import { makeWaits } from './position-waits.ts'
import { makeLife } from './session-loop.ts'
import { makeAppendQueue, type QueueLimits } from './write-queue.ts'

export interface StoreOptions {
  readonly log: Log
  /** Told of the log once it is replayed. */
  readonly onReplayed: (logId: string) => void
  /** Undefined where the node has no disk to keep one on. */
  readonly spool: Spool | undefined
  /** Whether writes are spooled while the log is down, and why not. */
  readonly spooling: Pick<SpoolStatus, 'on' | 'reason' | 'maxBytes'>
  readonly limits: QueueLimits
  /** Told when a batch has gone from the spool to the log, which leaves garbage. */
  readonly onDrained?: () => void
  /** How long to wait for the log at start; undefined is for ever. */
  readonly connectTimeoutMs: number | undefined
  /** How often the log is asked for what others have appended, and for a sign of life, in milliseconds. */
  readonly tailIntervalMs: number
  /** How long a request may wait for a position, in milliseconds. */
  readonly waitTimeoutMs: number
  /** How long ago the view may have been at the log's end before the node counts as behind, in milliseconds. */
  readonly maxLagMs: number
  readonly logger: Logger
}

/** Where log, view and spool meet: one node's life from start to stop. */
export interface Store extends Kv {
  /**
   * Lives until `stop`. Rejects with what only an operator can mend: the log refuses this program, or could not be
   * reached within the connect timeout.
   */
  run(): Promise<void>
  get(key: string): Found | undefined
  /** Says on `status` that the node is about to stop; requests under way are still served. */
  announceStop(): void
  /** Ends the life. Writes that still wait are spooled or rejected; a node that was given the time for it has none. */
  stop(): Promise<void>
  /** Undefined as long as it is not known. */
  logId(): string | undefined
  measures(): Measures
}

/** What status does not tell, in numbers. */
export interface Measures {
  /** It can be reached, and takes writes. */
  readonly isLogUp: boolean
  /** Of the last entry applied, and of the last one that the log is known to have; 0n before they are known. */
  readonly sequence: bigint
  readonly head: bigint
  /** Writes that wait for the log or are on their way to it, and what they weigh. */
  readonly queue: { readonly writes: number; readonly bytes: number }
  readonly view: { readonly keys: number; readonly bytes: number; readonly allocatedBytes: number }
}

export function makeStore(options: StoreOptions): Store {
  const { log, spool, spooling, limits, logger } = options
  const queue = makeAppendQueue(limits)
  const follower = makeFollower((entry) => spool?.supersede(entry))
  const outage = makeOutage({ queue, follower, spool, spools: spooling.on, logger, onDrained: options.onDrained })
  const conditional = makeConditionalQueue(follower, limits, queue.wake)
  const waits = makeWaits(options.waitTimeoutMs, () => life.look())
  const condition = makeCondition(logger)
  const stopping = new AbortController()
  const life = makeLife({
    connector: makeConnector({
      log,
      signal: stopping.signal,
      firstTimeoutMs: options.connectTimeoutMs,
      onUnavailable: (error) => life.logIsDown(error),
    }),
    queue,
    conditional,
    waits,
    follower,
    outage,
    spool,
    condition,
    spools: spooling.on,
    onReplayed: options.onReplayed,
    tailIntervalMs: options.tailIntervalMs,
    logger,
  })
  let running: Promise<void> | undefined
  let ending: { readonly state: 'draining' | 'stopped'; readonly since: Date } | undefined

  function requireReplayed(): void {
    if (life.isReplayed) return
    throw new KvsError('not_ready', `the node is ${condition.state}: ${condition.reason}`)
  }

  /** @throws KvsError where no write can be taken */
  function requireWritable(): void {
    const { state, reason } = condition
    if (ending?.state === 'stopped') throw new KvsError('draining')
    if (state === 'serving' || state === 'log down') return
    if (state === 'log diverged') throw new KvsError('not_stored', `the log diverged; nothing was stored: ${reason}`)
    throw new KvsError('not_ready', `the node is ${state}: ${reason}`)
  }

  function requireLog(): void {
    requireReplayed()
    if (ending?.state === 'stopped') throw new KvsError('draining')
    if (life.isFollowing) return
    throw new KvsError('log_down', `this needs the log, which is down; nothing was done: ${condition.reason}`)
  }

  return {
    run() {
      running = life.run(stopping.signal)
      return running
    },

    get(key) {
      requireReplayed()
      const spooled = spool?.get(key)
      if (spooled === undefined) return follower.view.get(key)
      return setsValue(spooled) ? { ...spooled, tag: undefined } : undefined
    },

    async write(write) {
      requireWritable()
      return queue.add(write)
    },

    async writeIf(write) {
      requireWritable()
      requireLog()
      return conditional.add(write)
    },

    async waitFor(position) {
      const sequence = sequenceInOwnLog(position, follower.logId)
      requireReplayed()
      if (follower.view.position.sequence < sequence) await waits.reach(sequence)
    },

    async waitForHead() {
      requireLog()
      await waits.reachHead()
    },

    announceStop() {
      ending ??= { state: 'draining', since: new Date() }
    },

    async stop() {
      ending = { state: 'stopped', since: new Date() }
      stopping.abort()
      await life.stop()
      await running?.catch(() => undefined)
      queue.abandon(new KvsError('draining'))
      conditional.abandon(new KvsError('draining'))
      waits.abandon(new KvsError('draining'))
    },

    position: () => follower.position ?? '',

    logId: () => follower.logId,

    measures() {
      const { position, size: keys, memory } = follower.view
      return {
        isLogUp: life.isLogUp,
        sequence: position.sequence,
        head: follower.head,
        queue: { writes: queue.length + conditional.length, bytes: queue.bytes + conditional.bytes },
        view: { keys, bytes: memory.liveBytes, allocatedBytes: memory.bytes },
      }
    },

    status() {
      const lag = life.isReplayed ? Math.round(performance.now() - life.caughtUpAt) : null
      const isBehind = condition.state === 'serving' && lag !== null && lag > options.maxLagMs
      const behind = `has not applied all of the log for ${lag} ms, more than KVS_MAX_LAG`
      return {
        state: ending?.state ?? (isBehind ? 'behind' : condition.state),
        reason: ending ? 'told to stop' : isBehind ? behind : condition.reason,
        since: (
          ending?.since ?? (isBehind ? new Date(Date.now() - (lag - options.maxLagMs)) : condition.since)
        ).toISOString(),
        replayed: follower.replayed,
        total: follower.total,
        position: follower.position ?? null,
        lag,
        spool: {
          ...spooling,
          reason: spooling.reason ?? outage.obstacle,
          writes: spool?.writes ?? 0,
          bytes: spool?.bytes ?? 0,
        },
      }
    },
  }
}
