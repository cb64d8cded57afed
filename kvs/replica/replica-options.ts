import type { SpoolStatus } from '../kv/index.ts'
import type { Clock } from '../lib/clock.ts'
import type { Logger } from '../lib/logging.ts'
import type { Random } from '../lib/random.ts'
import type { Log } from '../log/index.ts'
import type { Spool } from '../spool/index.ts'
import type { QueueLimits } from './append/waiting-writes.ts'
import type { SliceOptions } from './lists/slices.ts'
import type { MirrorOptions } from './mirror-progress.ts'
import type { RingHooks } from './ring-hooks.ts'
import type { SiteHooks } from './site-hooks.ts'

/** What a replica is made of, and how it is to be. */
export interface ReplicaOptions extends SiteHooks, RingHooks {
  readonly log: Log
  /** Called with the log's id after the first replay. */
  readonly onReplayed: (logId: string) => void
  /** Undefined where the node has no disk to keep one on. */
  readonly spool: Spool | undefined
  /** Whether writes are spooled while the log is down, and why not. */
  readonly spooling: Pick<SpoolStatus, 'on' | 'reason' | 'maxBytes'>
  readonly limits: QueueLimits
  /** Called after a batch has gone from the spool to the log, which leaves garbage. */
  readonly onDrained?: () => void
  /** How long to wait for the log at start, in milliseconds; undefined is for ever. */
  readonly connectTimeoutMs: number | undefined
  /** How often the log is asked for what others have appended, and for a sign of life, in milliseconds. */
  readonly tailIntervalMs: number
  /** How long a request may wait for a position, in milliseconds. */
  readonly waitTimeoutMs: number
  /** How long ago the view may have been in step with the log before the node counts as behind, in milliseconds. */
  readonly maxLagMs: number
  /** As in `ViewOptions`, for a run that can be repeated. */
  readonly hashSecret?: Buffer
  /** As in `MirrorOptions`. */
  readonly mostHeld?: MirrorOptions['mostHeld']
  /** How the keys are put in order beside everything else. */
  readonly slices?: Omit<SliceOptions, 'clock'>
  readonly logger: Logger
  readonly clock?: Clock
  readonly random?: Random
}
