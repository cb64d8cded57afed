export { OutOfOrder } from './cursor.ts'
export type { VisitKey } from './packed-map.ts'
export { type LapsedKey, makeView, type View } from './view.ts'
