import type { Log, RingLog, SiteLog } from '../../../kvs/log/index.ts'

/** A log's server as the contract suite sees it, whatever the implementation. */
export interface LogServer {
  /** A log object for a new writer, unless one is given. */
  makeLog(options?: LogOptions): Log
  /** What replication asks of this log. */
  makeSiteLog(options?: Pick<LogOptions, 'network' | 'timeoutMs'>): SiteLog
  /** What a ring asks of this log. */
  makeRingLog(options?: Pick<LogOptions, 'network' | 'timeoutMs'>): RingLog
  /** A network for logs of this server; nothing is wrong with it until a test says so. */
  makeNetwork(): Promise<FaultyNetwork>
  /** Makes a backup of the log as it is now. Returns what puts it back in the log's place. */
  copy(): Promise<() => Promise<void>>
  /** Puts an empty log of another identity in this one's place. */
  replaceLog(): Promise<void>
  /** Puts an entry at the log's end that no append has written; the second kind is a delete without a digest. */
  insertByHand(entry: 'of an unknown kind' | 'outside a batch'): Promise<void>
  /** Has every batch refused that has the key. */
  refuseKey(key: string): Promise<void>
  /** Has every batch refused as by a full disk. Returns what ends that. */
  refuseWrites(): Promise<() => Promise<void>>
  /** Has every session refused for good. */
  refuseSessions(): Promise<void>
  /** Brings the checkpoint to the log's end; with deleted keys where it is said so. */
  advanceCheckpoint(tombstones?: 'with tombstones'): Promise<void>
  /** Has the log's entries be an hour ahead of the server's clock, as after that was set back. */
  setClockBack(): Promise<void>
  /** Loses a key of the checkpoint, as a damaged disk may. */
  damageCheckpoint(): Promise<void>
}

export interface LogOptions {
  readonly writerId?: string
  readonly network?: FaultyNetwork
  /** 10 s unless it is given. */
  readonly timeoutMs?: number
  readonly warn?: (message: string) => void
}

export interface FaultyNetwork {
  /** What is sent to the server is held back, and arrives with `heal`. */
  holdRequests(): void
  /** What is sent to the server arrives, and no answer does. */
  loseAnswers(): void
  /** Nothing arrives any more, and nobody is told. */
  fallSilent(): void
  /** Connections are reset with all that is under way, and new ones are, until `heal`. */
  cut(): void
  heal(): void
}

export type MakeLogServer = () => Promise<LogServer>
