import type { Kv } from '../../kvs/kv/index.ts'
import type { Log, SiteLog } from '../../kvs/log/index.ts'
import type { MemoryServer } from '../../kvs/log/memory/index.ts'
import type { OwnSite, PeerClient } from '../../kvs/sites/index.ts'
import type { Spool, SpoolStorage } from '../../kvs/spool/index.ts'
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
}
