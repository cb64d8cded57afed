import type { SpoolFile } from './spool-file.ts'

/** From this size on the memory of a value moves between the threads; what is smaller is quicker to copy. */
export const leastMoved = 16 * 1024

/** What goes to the spool's thread. */
export interface Call {
  readonly id: number
  readonly operation: keyof SpoolFile
  readonly arguments: readonly unknown[]
}

/** What comes back. */
export type Answer =
  | { readonly id: number; readonly value: unknown }
  | { readonly id: number; readonly message: string; readonly code: number | undefined }

/** https://www.sqlite.org/rescode.html#full */
export const sqliteFull = 13
