import { KvsError } from '../core/errors.ts'
import { type Position, sequenceIn } from '../core/position.ts'
import type { FeedQuery } from '../kv/index.ts'
import { Diverged, type LogReader, type MemberEntry, Unavailable } from '../log/index.ts'
import type { OwnSite } from './own-site.ts'

/** Throws what a client is told where the log can’t be read. */
export function asLogDown(error: unknown): never {
  if (error instanceof Diverged) throw new KvsError('not_ready', `the log can’t be followed: ${error.message}`)
  if (!(error instanceof Unavailable)) throw error
  throw new KvsError('log_down', `the log can’t be read: ${error.message}`)
}

/**
 * Whoever has not heard that this site was taken out hears it from here, however late: it may have done that itself, or
 * a site that nobody follows any more. Nothing that comes after that is sent.
 */
export function isToHear(removal: MemberEntry | undefined, { site, have }: FeedQuery): boolean {
  if (removal === undefined) return true
  // What the asker has of its own log is not in its query.
  return removal.origin !== site && sequenceIn(have, removal.origin) < removal.originSequence
}

/** Rejects with `went_back` where the log does not have the last entry that the other site has of it. */
export async function requireSamePast(reader: LogReader, { have, stamps }: FeedQuery): Promise<void> {
  const sequence = sequenceIn(have, reader.logId)
  if (sequence === 0n) return
  const stamp = await reader.stampAt(sequence).catch(asLogDown)
  if (stamp !== undefined && stamp === stamps.get(reader.logId)) return
  const what = stamp === undefined ? 'it has no such entry' : 'it has another entry there'
  throw new KvsError(
    'went_back',
    `the log ${reader.logId} is not the one that its entries up to ${sequence} were taken over from: ${what}`,
  )
}

/** Where a feed begins. */
export interface Start {
  readonly after: bigint
  /** What the log has of each origin through there. */
  readonly reached: Position
}

/**
 * The other site skips what it was sent before only where it has all of it: since then the log may have been replaced
 * by an earlier state of itself, and gone on from there.
 */
export async function startOf(site: OwnSite, reader: LogReader, query: FeedQuery): Promise<Start> {
  const known = sequenceIn(query.have, reader.logId)
  const [before, head] = [sequenceIn(query.after, reader.logId), site.sequence()]
  const after = before < head ? before : head
  if (after > known) {
    const reached = await reader.positionThrough(after)
    if (hasAll(query, reached)) return { after, reached }
  }
  return { after: known, reached: await reader.positionThrough(known) }
}

function hasAll({ site, have }: FeedQuery, { sequences }: Position): boolean {
  return [...sequences].every(([logId, sequence]) => logId === site || sequence <= sequenceIn(have, logId))
}
