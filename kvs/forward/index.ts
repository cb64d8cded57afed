export { makeForwarder } from './forwarder.ts'
export { checkTarget } from './target-check.ts'
