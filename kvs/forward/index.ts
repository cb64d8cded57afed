export { type ForwardingOptions, makeForwarding } from './forwarding.ts'
export { lookAtTarget } from './target-check.ts'
