export { makeForwarder } from './forwarding.ts'
export { checkTarget } from './target-check.ts'
