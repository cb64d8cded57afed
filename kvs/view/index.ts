export { type Found, makeView, OutOfOrder, type View } from './view.ts'
