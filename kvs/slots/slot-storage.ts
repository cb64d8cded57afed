import type { SpoolStorage } from '../spool/index.ts'

/**
 * The port to the slots of one data directory. A slot belongs to one node at a time: the node that holds its lock.
 * Slots have the numbers 1, 2, 3 and so on.
 */
export interface SlotStorage {
  /** Path of a slot, for messages and for what else a node keeps there. */
  path(slot: number): string
  /**
   * Numbers of the existing slots in ascending order. Slot 1 is always among them. Rejects with an Error when the disk
   * can't tell.
   */
  list(): Promise<number[]>
  /**
   * Locks a slot, and creates it when it does not exist. Rejects with `SlotHeld`, or with an Error that says why the
   * slot can't be used.
   */
  lock(slot: number): Promise<SlotLock>
  /** Locks a slot without creating it. Rejects like `lock`, and with an Error when the slot does not exist. */
  lockExisting(slot: number): Promise<SlotLock>
  /**
   * Whether the slot's spool may hold writes: true unless it is known to be empty. Ignores the lock, so it is only a
   * hint.
   */
  mayHoldWrites(slot: number): boolean
  /** A text that changes whenever the slot's spool does; undefined when there is no spool. Rejects with an Error. */
  fingerprint(slot: number): Promise<string | undefined>
  /**
   * Id of the log that a node of this directory used last; undefined before the first one, or when it can't be read.
   */
  lastLog(): string | undefined
  /** Stores the result of `lastLog` if the disk takes it. Never throws. */
  saveLastLog(logId: string): void
}

/** The lock on a slot, and what is stored beside it. The lock ends with the process, so that it is never stale. */
export interface SlotLock {
  /** Identity of the slot as a writer in the log. It never changes. */
  readonly writerId: string
  /** Id of the log that the slot was used with last; undefined before the first one. */
  readonly logId: string | undefined
  readonly spoolStorage: SpoolStorage
  /** Stores the log's id if the disk takes it. Never throws. */
  saveLog(logId: string): void
  /** Lets another node lock the slot. The spool must be closed before. */
  release(): void
}

/** Another process holds the slot. */
export class SlotHeld extends Error {
  override readonly name = 'SlotHeld'
}
