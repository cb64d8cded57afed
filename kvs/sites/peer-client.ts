import type { Position } from '../core/position.ts'
import type { Rank } from '../core/rank.ts'
import type { AskedCopy, Fingerprint, LogCopy, Unlike } from '../kv/index.ts'
import type { OpenFeed } from './pull.ts'

/** What a site asks a node of another one for. */
export interface PeerClient {
  readonly open: OpenFeed
  /**
   * Asks for the node's position, once that has `seen` where it is given. Rejects where the signal aborts, or with an
   * error whose message is a sentence for the operator.
   */
  askPosition(seen: Position | undefined, signal: AbortSignal): Promise<Position>
  /**
   * Asks how far the log of the node's site has the entries of another one: once that is as far as asked, or after a
   * second. Rejects as `askPosition`, and with `PeerRemoved`.
   */
  askCopy(asked: AskedCopy, signal: AbortSignal): Promise<LogCopy>
  /**
   * Tells the node's site that it is a member again, by an entry of this rank: a site that was taken out follows
   * nobody, and would not hear of it. It does nothing where the site knows of a newer one. Rejects as `askPosition`.
   */
  rejoin(rank: Rank, signal: AbortSignal): Promise<void>
  /** Asks for the digests of the node's values, as `DigestService.read`. Rejects as `askPosition`. */
  askDigests(seen: Position, signal: AbortSignal): Promise<readonly string[]>
  /**
   * Asks which of these values the node has otherwise, as `DigestService.compare`. Rejects as `askPosition`.
   * @param fingerprints at most `mostFingerprints`
   */
  askUnlike(seen: Position, fingerprints: readonly Fingerprint[], signal: AbortSignal): Promise<Unlike>
}

/** The node has answered, and not with what it was asked for. The message is a sentence for the operator. */
export class PeerRefused extends Error {
  override readonly name: string = 'PeerRefused'
}

/** The other site was taken out of the group, as it knows it. */
export class PeerRemoved extends PeerRefused {
  override readonly name = 'PeerRemoved'
}
