import { nowhere, positionAt } from '../core/position.ts'
import type { Rank } from '../core/rank.ts'
import type { PeerStatus } from '../kv/index.ts'
import { makeBackoff } from '../lib/backoff.ts'
import type { Clock } from '../lib/clock.ts'
import type { Logger } from '../lib/logging.ts'
import type { Random } from '../lib/random.ts'
import { seconds } from '../lib/seconds.ts'
import type { LogImport } from '../log/index.ts'
import type { FrameLimits } from './frames/frame.ts'
import type { Intake } from './intake.ts'
import { type PeerClient, PeerRemoved } from './peer-client.ts'
import { NotToFollow, type PullProgress, pull } from './pull.ts'

export interface Peer {
  readonly status: PeerStatus
  /** What is known of the log there; undefined where it was never reached. */
  readonly promised: Promised | undefined
  /** Follows the site until the signal aborts. Never rejects. */
  follow(lead: Lead, signal: AbortSignal): Promise<void>
}

/** What is known of the log at another address. */
export interface Promised {
  /** Id of the log that it had when it was last reached. */
  readonly log: string
  /**
   * The highest stamp of that log through the place up to which it was taken over. What is first written in it later
   * has a later stamp, an expiry aside, which sets no key. 0 where that is not known.
   */
  readonly stamp: number
}

/** What the one node has that takes entries over for its site. */
export interface Lead {
  readonly target: LogImport
  readonly intake: Intake
  /** Addresses that logs are followed at, by log id. */
  readonly followed: Map<string, string>
}

export interface PeerOptions {
  readonly address: string
  readonly client: PeerClient
  /** Rank of the entry that made it a member; undefined where it was only configured. */
  readonly rank: () => Rank | undefined
  readonly limits: FrameLimits
  /** Told of each stamp that comes in, before it is stored. */
  readonly onStamp: (stamp: number, address: string) => void
  readonly logger: Logger
  readonly clock: Clock
  readonly random: Random
}

/** How long a log that is followed at another address is left alone, in milliseconds. */
const standbyMs = 5_000
/** A stream that has lasted so long, in milliseconds, is a good one: what failed before is over. */
const lastingMs = 1_000
/** What is remembered to have been said: a peer may make up something else each time. */
const mostTold = 100

interface Following {
  state: PeerStatus['state']
  reason: string | null
  log: string | null
  /** Sequence through which that log was taken over. */
  sequence: bigint
  head: bigint
  /** As `Promised.stamp`. */
  promise: number
  /** Moment at which this site last had all of it. */
  inStepAt: number | undefined
  /** Moment at which the stream began; undefined once it has lasted, and where there is none. */
  begunAt: number | undefined
  /** Moment of the first failure since a stream lasted. */
  lostAt: number | undefined
  /** What was said of failures since then: each thing is said once. */
  readonly told: Set<string>
}

export function makePeer(options: PeerOptions): Peer {
  const { address, clock } = options
  const following: Following = {
    ...{ state: 'idle', reason: null, log: null, sequence: 0n, head: 0n, promise: 0 },
    ...{ inStepAt: undefined, begunAt: undefined, lostAt: undefined, told: new Set() },
  }

  return {
    get status() {
      const { state, reason, log, sequence, head, inStepAt } = following
      const behind = log === null ? null : Number(head - sequence)
      const lag = inStepAt === undefined ? null : Math.round(clock.now() - inStepAt)
      return { address, state, reason, log, behind, lag }
    },
    get promised() {
      const { log, promise } = following
      return log === null ? undefined : { log, stamp: promise }
    },
    async follow(lead, signal) {
      const backoff = makeBackoff({ firstMs: 50, maxMs: 500, clock, random: options.random })
      while (!signal.aborted) {
        await backoff.pause(signal)
        if (signal.aborted) break
        await pullOnce(options, following, lead, signal, backoff.reset)
        if (following.state === 'standby') await clock.sleep(standbyMs, signal)
      }
      following.state = 'idle'
      following.reason = null
    },
  }
}

async function pullOnce(
  options: PeerOptions,
  following: Following,
  lead: Lead,
  signal: AbortSignal,
  onLasting: () => void,
): Promise<void> {
  const { client, limits } = options
  const { target, intake } = lead
  const { progress, release } = progressOf(options, following, lead, onLasting)
  try {
    const { log, sequence } = following
    const after = log === null || sequence === 0n ? nowhere : positionAt(log, sequence)
    await pull({ open: client.open, target, intake, limits, progress }, after, signal)
  } catch (error) {
    if (!signal.aborted) noteFailure(options, following, error)
    const rank = options.rank()
    if (error instanceof PeerRemoved && rank !== undefined) await client.rejoin(rank, signal).catch(() => undefined)
  } finally {
    release()
  }
}

interface Progress {
  readonly progress: PullProgress
  /** Lets the log be followed at another address. */
  release(): void
}

function progressOf(options: PeerOptions, following: Following, lead: Lead, onLasting: () => void): Progress {
  const { address, onStamp, logger, clock } = options
  const { target, followed } = lead
  let own: string | undefined

  function met(logId: string): string | undefined {
    if (following.log !== logId) {
      const { log } = following
      if (log !== null) logger.warn(`${address} had the log ${log}, and has the log ${logId} now: it is another site`)
      Object.assign(following, { log: logId, sequence: 0n, head: 0n, promise: 0, inStepAt: undefined })
    }
    if (logId === target.logId) return 'it is a node of this very site'
    const elsewhere = followed.get(logId)
    if (elsewhere !== undefined) return `its log is followed at ${elsewhere}`
    own = logId
    followed.set(logId, address)
    if (following.lostAt === undefined) logger.info(`following the log ${logId} at ${address}`)
    Object.assign(following, { state: 'following', reason: null, begunAt: clock.now() })
    return undefined
  }

  function noteLasting(): void {
    if (following.begunAt === undefined || clock.now() - following.begunAt < lastingMs) return
    if (following.lostAt !== undefined) {
      const since = seconds(clock.now() - following.lostAt)
      logger.info(`following the log ${following.log} at ${address} again after ${since}`)
    }
    Object.assign(following, { begunAt: undefined, lostAt: undefined })
    following.told.clear()
    onLasting()
  }

  const progress: PullProgress = {
    met,
    reached({ sequence, head, position }) {
      following.promise = Math.max(following.promise, position.stamp)
      following.sequence = sequence
      following.head = head
      if (sequence >= head) following.inStepAt = clock.now()
      noteLasting()
    },
    stamped: (stamp) => onStamp(stamp, address),
  }
  return { progress, release: () => own !== undefined && followed.delete(own) }
}

function noteFailure({ address, logger, clock }: PeerOptions, following: Following, error: unknown): void {
  const reason = error instanceof Error ? error.message : String(error)
  const isToFollow = !(error instanceof NotToFollow)
  const isNew = !following.told.has(reason) && following.told.size < mostTold
  following.told.add(reason)
  if (isToFollow) {
    if (isNew) logger.warn(`cannot follow ${address}: ${reason}`)
    following.lostAt ??= clock.now()
  } else if (isNew) {
    logger.info(`not following ${address}: ${reason}`)
  }
  Object.assign(following, { state: isToFollow ? 'unreachable' : 'standby', reason, begunAt: undefined })
}
