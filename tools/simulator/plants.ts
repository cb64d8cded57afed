import type { Kv } from '../../kvs/kv/index.ts'
import type { Log, RingLog, SiteLog } from '../../kvs/log/index.ts'
import type { MemoryServer } from '../../kvs/log/memory/index.ts'
import type { RingGuard } from '../../kvs/replica/index.ts'
import type { MemberClient, OwnNode, TakesSpooled } from '../../kvs/ring/index.ts'
import type { OwnSite, PeerClient } from '../../kvs/sites/index.ts'
import type { Spool, SpoolStorage } from '../../kvs/spool/index.ts'
import type { NodeRing } from './ring/node-ring.ts'
import type { VirtualClock } from './virtual-clock.ts'

/**
 * Puts a broken part in the place of a node's own. Only tests do so, to show that the simulator finds what that breaks.
 */
export interface Plants {
  readonly log?: (log: Log, clock: VirtualClock) => Log
  readonly storage?: (storage: SpoolStorage) => SpoolStorage
  readonly spool?: (spool: Spool) => Spool
  readonly kv?: (kv: Kv, clock: VirtualClock) => Kv
  readonly siteLog?: (siteLog: SiteLog) => SiteLog
  /** What the streams between sites ask of a node. */
  readonly site?: (site: OwnSite) => OwnSite
  /** What a node asks another site's node for. */
  readonly peer?: (client: PeerClient) => PeerClient
  /** A server of a log, as its nodes and the checker have it. */
  readonly logServer?: (server: MemoryServer) => MemoryServer
  /** Called whenever a process of a member is about to start. */
  readonly restart?: (server: MemoryServer) => void
  readonly ringLog?: (ringLog: RingLog) => RingLog
  /** What the ring asks of a node. */
  readonly ownNode?: (node: OwnNode) => OwnNode
  /** What a node asks another member of the ring for. */
  readonly member?: (client: MemberClient) => MemberClient
  /** Whether a node takes a key, for its store and for what members pass on to it. */
  readonly guard?: (guard: RingGuard) => RingGuard
  readonly passOn?: (passOn: NodeRing['passOn']) => NodeRing['passOn']
  /** What a node asks another member for, to pass on what is in its spool. */
  readonly spooled?: (takes: TakesSpooled) => TakesSpooled
}
