export { makeView, OutOfOrder, type View } from './view.ts'
