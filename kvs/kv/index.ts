export type { ConditionalWrite, InLog, Kv, Stored } from './kv.ts'
export { type SpoolStatus, type State, type Status, states } from './status.ts'
