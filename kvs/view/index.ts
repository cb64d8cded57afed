export { OutOfOrder } from './cursor.ts'
export type { LapsedKey } from './lapsed-keys.ts'
export type { VisitKey } from './packed-map.ts'
export { makeView, type View } from './view.ts'
