export { requireSameLog } from './log-continuity.ts'
export { type Measures, makeReplica, type Replica, type ReplicaOptions } from './replica.ts'
export { type LogFollower, makeDrain } from './spool-drain.ts'
