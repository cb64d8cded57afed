export { seconds } from './node-health.ts'
export { makeStore, type Store } from './replica.ts'
export { type Following, makeDrain, requireSameLog } from './spool-drain.ts'
