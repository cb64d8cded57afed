import type { SpoolFile } from './spool-file.ts'

/**
 * From this size on, in bytes, the memory of a value moves between the threads; smaller values are copied, which is
 * quicker.
 */
export const minMovedBytes = 16 * 1024

/** A call of a method of `SpoolFile`, on its way to the thread. */
export interface ThreadRequest {
  readonly id: number
  readonly method: keyof SpoolFile
  readonly arguments: readonly unknown[]
}

/** The result of the request with the same id, or the error that it threw, with SQLite's error code if it has one. */
export type ThreadResponse =
  | { readonly id: number; readonly value: unknown }
  | { readonly id: number; readonly message: string; readonly code: number | undefined }

/** SQLITE_FULL: https://www.sqlite.org/rescode.html#full */
export const sqliteFull = 13

/** Start of the message about a file that holds writes and can't be upgraded on its full disk. */
export const noSpaceToUpgrade = 'its disk is full, and has no space to bring it to version'
