export { lookAtDataDirectory } from './data-directory-check.ts'
export { lastLogOf } from './last-log.ts'
export { type Slot, takeSlot } from './slot.ts'
export { makeTakeover } from './takeover.ts'
