import type { Position } from '../core/position.ts'

/** Path of a node's feed. */
export const feedPath = '/sites/log'

/** Path of a node's position, as other sites ask for it. */
export const positionPath = '/sites/position'

/** Path at which a site hears that it is a member again. */
export const rejoinPath = '/sites/rejoin'

/** Path at which another site compares its values with this one's. */
export const digestsPath = '/sites/digests'

/** Type of the answers there, with the version of their format and of all that digests are made by. */
export const digestsType = 'application/vnd.kvs.digests; version=1'

/** Type of a feed's body, with the version of its format. */
export const feedType = 'application/vnd.kvs.log; version=1'

/** What a site asks another one for: the entries of its log from some point on. */
export interface FeedQuery {
  /** Id of the log that asks. Entries that were first written there are left out. */
  readonly site: string
  /** What that log has of each origin. Entries that it has are left out. */
  readonly have: Position
  /** Stamp of the last entry that it has of each origin, which proves that both have the same one. */
  readonly stamps: ReadonlyMap<string, number>
  /** How far it was sent all of the log asked over an earlier connection; `nowhere` for not at all. */
  readonly after: Position
}

/** A site's log as another site follows it. */
export interface Feed {
  /**
   * Rejects with `not_ready` before the log is replayed, with `log_down` where it can't be read now, with `overloaded`
   * where too many feeds are open, with `draining`, and with `went_back` where the log lacks what the other one has of
   * it.
   */
  open(query: FeedQuery): Promise<FeedStream>
}

export interface FeedStream {
  /** Aborts when the node is told to stop: what the other site does not take by then holds up the stop. */
  readonly stopping: AbortSignal
  /**
   * Resolves with the next frames (kvs/sites/frames has their format), as soon as there are some; in time for a sign of
   * life where there are none. Undefined at the end. Never rejects. One call at a time.
   */
  next(): Promise<Buffer | undefined>
  /** Idempotent. */
  close(): void
}
