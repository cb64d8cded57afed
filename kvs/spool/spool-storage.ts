import type { LogPoint, SeenValue, SpooledWrite } from '../core/entry.ts'

/** Position of a node in a log, with the log's id. */
export interface LogPosition extends LogPoint {
  readonly logId: string
}

/** One change of what is stored. All of it is stored, or none. */
export interface SpoolChange {
  /** Writes up to and including this number are in the log; they leave the storage. */
  readonly removed: bigint
  /**
   * Number of the last write that the spool knows to be stored. Writes above it were left by a change that was reported
   * as failed; they leave the storage before `added` enters it.
   */
  readonly last: bigint
  readonly added: readonly Pick<SpooledWrite, 'number' | 'write' | 'seen'>[]
  /** Writes of the key up to and including the number are superseded. */
  readonly superseded: readonly (readonly [key: string, through: bigint])[]
  /** What writes of the key up to and including the number have for `seen` from now on. Undefined for none. */
  readonly seen?: readonly (readonly [key: string, through: bigint, seen: SeenValue])[]
  readonly position: LogPosition
}

/** Bounds on what one `read` returns. */
export interface SpoolRange {
  /** Writes begin after this number. */
  readonly after: bigint
  /** Writes end at this number. */
  readonly through: bigint
  /** Maximal number of writes. */
  readonly writes: number
  /** Maximal weight of all writes, in bytes. The first write is returned whatever it weighs. */
  readonly bytes: number
}

/**
 * The port to the medium that keeps a spool. Calls are executed one after another, in the order in which they were
 * made. Every method rejects with a `SpoolStorageError`, and only with that.
 */
export interface SpoolStorage {
  /** Name of the storage for messages: the path of a file. */
  readonly name: string
  /** Position of the last change; undefined before the first one. The first call of any method opens the storage. */
  position(): Promise<LogPosition | undefined>
  /** Writes within the range, in ascending order of their numbers; empty when there are none. */
  read(range: SpoolRange): Promise<SpooledWrite[]>
  /**
   * On return the change is durable: neither a crash of the process nor of the machine undoes it. A rejection with
   * reason `full` means that nothing of it is stored. Any other rejection leaves open whether it is stored, and reads
   * may return it.
   */
  change(change: SpoolChange): Promise<void>
  /** Returns the space of removed writes to the disk. Neither a rejection nor a crash loses anything. */
  shrink(): Promise<void>
  /** Releases the storage, so that another process can open it. Stores nothing. */
  close(): Promise<void>
}

/**
 * Why a storage failed: `full` when no space is left and the change is known not to be stored, `held` when another
 * process has the storage open, `outdated` when an earlier version has left writes and no space is left to bring the
 * storage to this one, `failed` for everything else.
 */
export type StorageFailure = 'full' | 'held' | 'outdated' | 'failed'

export class SpoolStorageError extends Error {
  override readonly name = 'SpoolStorageError'
  readonly reason: StorageFailure
  constructor(message: string, reason: StorageFailure = 'failed') {
    super(message)
    this.reason = reason
  }
}

/**
 * The sentence about a spool that can't be read.
 * @param problem what is the matter with it
 */
export const unreadable = (name: string, problem: string) =>
  `the spool ${name} can’t be read (${problem}); it may hold writes that are nowhere else`
