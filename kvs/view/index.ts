export type { VisitKey } from './packed-map.ts'
export { type LapsedKey, makeView, OutOfOrder, type View } from './view.ts'
