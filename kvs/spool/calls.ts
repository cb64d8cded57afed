import type { SpoolFile } from './file.ts'

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
