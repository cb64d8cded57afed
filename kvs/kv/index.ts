export type {
  AskedTransaction,
  ConditionalWrite,
  InLog,
  Kv,
  Stored,
  Transacted,
  TransactedEntry,
} from './kv.ts'
export type { KeyListing, KeyQuery, ValuePage } from './listing.ts'
export { requireKnownLogs } from './own-log.ts'
export { type SpoolStatus, type State, type Status, states } from './status.ts'
