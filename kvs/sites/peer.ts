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
  /** Follows the site until the signal aborts. Never rejects. */
  follow(lead: Lead, signal: AbortSignal): Promise<void>
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

interface Following {
  state: PeerStatus['state']
  reason: string | null
  log: string | null
  /** Sequence through which that log was taken over. */
  sequence: bigint
  head: bigint
  /** Moment at which this site last had all of it. */
  inStepAt: number | undefined
  /** Moment of the first failure since it was followed. */
  lostAt: number | undefined
}

export function makePeer(options: PeerOptions): Peer {
  const { address, clock } = options
  const following: Following = {
    ...{ state: 'idle', reason: null, log: null, sequence: 0n, head: 0n },
    ...{ inStepAt: undefined, lostAt: undefined },
  }

  return {
    get status() {
      const { state, reason, log, sequence, head, inStepAt } = following
      const behind = log === null ? null : Number(head - sequence)
      const lag = inStepAt === undefined ? null : Math.round(clock.now() - inStepAt)
      return { address, state, reason, log, behind, lag }
    },
    async follow(lead, signal) {
      const backoff = makeBackoff({ firstMs: 50, maxMs: 1_000, clock, random: options.random })
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
  onFollowing: () => void,
): Promise<void> {
  const { address, client, limits } = options
  const { target, intake, followed } = lead
  const progress = progressOf(options, following, lead, onFollowing)
  try {
    const { log, sequence } = following
    const after = log === null || sequence === 0n ? nowhere : positionAt(log, sequence)
    await pull({ open: client.open, target, intake, limits, progress }, after, signal)
  } catch (error) {
    if (!signal.aborted) noteFailure(options, following, error)
    const rank = options.rank()
    if (error instanceof PeerRemoved && rank !== undefined) await client.rejoin(rank, signal).catch(() => undefined)
  } finally {
    if (following.log !== null && followed.get(following.log) === address) followed.delete(following.log)
  }
}

function progressOf(
  { address, onStamp, logger, clock }: PeerOptions,
  following: Following,
  { target, followed }: Lead,
  onFollowing: () => void,
): PullProgress {
  return {
    met(logId) {
      const elsewhere = logId === target.logId ? 'this site' : followed.get(logId)
      if (elsewhere !== undefined) {
        following.log = logId
        return elsewhere === 'this site' ? 'it is a node of this very site' : `its log is followed at ${elsewhere}`
      }
      if (following.log !== null && following.log !== logId) {
        logger.warn(`${address} had the log ${following.log}, and has the log ${logId} now: it is another site`)
        Object.assign(following, { sequence: 0n, head: 0n, inStepAt: undefined })
      }
      followed.set(logId, address)
      const since = following.lostAt === undefined ? '' : ` again after ${seconds(clock.now() - following.lostAt)}`
      logger.info(`following the log ${logId} at ${address}${since}`)
      Object.assign(following, { state: 'following', reason: null, log: logId, lostAt: undefined })
      onFollowing()
      return undefined
    },
    reached({ sequence, head }) {
      following.sequence = sequence
      following.head = head
      if (sequence >= head) following.inStepAt = clock.now()
    },
    stamped: (stamp) => onStamp(stamp, address),
  }
}

function noteFailure({ address, logger, clock }: PeerOptions, following: Following, error: unknown): void {
  const reason = error instanceof Error ? error.message : String(error)
  if (error instanceof NotToFollow) {
    if (following.reason !== reason) logger.info(`not following ${address}: ${reason}`)
    following.state = 'standby'
  } else {
    if (following.reason !== reason) logger.warn(`cannot follow ${address}: ${reason}`)
    following.state = 'unreachable'
    following.lostAt ??= clock.now()
  }
  following.reason = reason
}
