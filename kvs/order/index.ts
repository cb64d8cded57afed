export { type KeySnapshot, makeOrderedKeys, type OrderedKeys } from './ordered-keys.ts'
export type { KeyWalk, WalkQuery } from './walk.ts'
