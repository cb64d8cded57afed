export { openSpool, type Spool, type SpoolOptions } from './spool.ts'
export { NoSpace, Outdated, SpoolHeld } from './spool-errors.ts'
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
