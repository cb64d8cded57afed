import { formatPosition, nowhere, type Position } from '../core/position.ts'
import type { View } from '../view/index.ts'

/** The view of a log, as far as its position is concerned. */
export interface Positioned {
  readonly logId: string | undefined
  readonly view: Pick<View, 'position' | 'seen'>
  /** Whether the log is a site's. */
  readonly site: boolean
}

/** LOGID=SEQUENCE of the last entry applied, of whatever origin: the place in the log itself. */
export function placeText({ logId, view }: Positioned): string {
  return `${logId}=${view.position.sequence}`
}

/**
 * What clients are told. For a log that has nothing of others it is the place in the log. One that was a site's, and is
 * no more, gives no stamps.
 */
export function positionText(positioned: Positioned): string {
  const { view, site } = positioned
  if (!site && view.seen.sequences.size <= 1) return placeText(positioned)
  return formatPosition(site ? view.seen : { ...view.seen, stamp: nowhere.stamp })
}

/** Whether a view that has `seen` shows all that one at `position` does. Nothing is at the sequence 0 of any log. */
export function hasSeen({ sequences }: Pick<Position, 'sequences'>, position: Position): boolean {
  for (const [logId, sequence] of position.sequences) {
    if (sequence > (sequences.get(logId) ?? 0n)) return false
  }
  return true
}
