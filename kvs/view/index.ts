export { type LapsedKey, makeView, OutOfOrder, type View } from './view.ts'
