import type { Position } from '../core/position.ts'
import type { OpenFeed } from './pull.ts'

/** What a site asks a node of another one for. */
export interface PeerClient {
  readonly open: OpenFeed
  /**
   * Asks for the node's position, once that has `seen` where it is given. Rejects where the signal aborts, or with an
   * error whose message is a sentence for the operator.
   */
  askPosition(seen: Position | undefined, signal: AbortSignal): Promise<Position>
}
