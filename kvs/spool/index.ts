export { NoSpace, openSpool, type Spool, SpoolHeld, type SpoolOptions } from './spool.ts'
export {
  type LogPosition,
  type SpoolChange,
  type SpoolRange,
  type SpoolStorage,
  SpoolStorageError,
  type StorageFailure,
} from './spool-storage.ts'
export { mayHoldWrites, requireReadable } from './sqlite/spool-check.ts'
export { makeSqliteStorage } from './sqlite/sqlite-storage.ts'
