export { type LogFollower, makeDrain } from './append/spool-drain.ts'
export { requireSameLog } from './log-continuity.ts'
export type { Measures } from './measures.ts'
export { makeReplica, type Replica, type ReplicaOptions } from './replica.ts'
