export { NoSpace, openSpool, type Spool, SpoolHeld } from './spool.ts'
export { mayHoldWrites, requireReadable } from './spool-check.ts'
export type { LogPosition } from './spool-file.ts'
export { SpoolFileError } from './threaded-spool-file.ts'
