import type { Entry } from '../core/entry.ts'
import type { LandedBatch, WholeBatches } from '../log/index.ts'
import type { View } from '../view/index.ts'
import type { AppliedEntries } from './applied-entries.ts'

/** What the functions of mirror.ts and view-replay.ts change. */
export interface Progress {
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
  readonly applied: AppliedEntries
  readonly onOthers: (entry: Entry) => void
  readonly onKey: (key: string) => void
  readonly onMembership: () => void
  readonly hashSecret: Buffer | undefined
  readonly site: boolean
}
