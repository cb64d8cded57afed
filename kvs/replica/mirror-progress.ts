import type { Entry } from '../core/entry.ts'
import type { LandedBatch, WholeBatches } from '../log/index.ts'
import type { View } from '../view/index.ts'
import type { AppliedEntries, HeldBounds } from './applied-entries.ts'
import type { RingNews, RingTaker } from './ring-news.ts'

export interface MirrorOptions {
  /** Called for each entry read that has an effect and that another node has written. */
  readonly onOthers?: (entry: Entry) => void
  /** Called after the replay for each entry read that this node has written, with or without an effect. */
  readonly onOwn?: (entry: Entry) => void
  /**
   * Called after the replay for each key that an entry has brought into the view or taken out of it, in the same step.
   */
  readonly onKey?: (key: string) => void
  /** Called after the replay for each entry that is about the members of the group. */
  readonly onMembership?: () => void
  /** Is told of entries on the ring: as the node applies them, or before that of the newest one of a new session. */
  readonly ring?: RingTaker
  /** As in `ViewOptions`. */
  readonly hashSecret?: Buffer | undefined
  /** Whether the log takes over entries of other logs. */
  readonly site?: boolean
  /** What each reader of `applied` holds at most. */
  readonly mostHeld?: HeldBounds | undefined
}

/** What the functions of mirror.ts and those beside it change. */
export interface Progress extends Required<Omit<MirrorOptions, 'mostHeld' | 'ring'>> {
  view: View
  logId: string | undefined
  /** Sequences up to here may have gaps. */
  gapsUpTo: bigint
  /** Keys that came from the checkpoint. */
  loaded: number
  replayed: number
  total: number
  head: bigint
  /** For each own entry applied since `catchUp` last returned, whether it took the place of a value. */
  own: boolean[]
  /** What was read in pages, and is not applied before its batch is whole. */
  readonly batches: WholeBatches
  /** The position where the replay began; undefined where none is under way, or has broken off. */
  replayedFrom: string | undefined
  /** The last batch that this node has taken over, as long as it may come next. */
  landed: LandedBatch | undefined
  /** Is told of each entry that is applied after the replay. */
  readonly applied: AppliedEntries
  readonly ring: RingNews
}
