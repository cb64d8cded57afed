export type { VisitKey } from './packed-map.ts'
export { makeView, OutOfOrder, type View } from './view.ts'
