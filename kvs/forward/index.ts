export { makeForwarder } from './forwarding.ts'
export { makeTarget, type Target } from './target.ts'
export { checkTarget } from './target-check.ts'
export { explain, Late } from './target-failures.ts'
