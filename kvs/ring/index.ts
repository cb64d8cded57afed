export { makeHttpMember } from './http-member.ts'
export type { MemberClient } from './member-client.ts'
export type { OwnNode } from './own-node.ts'
export { makeRingMember, type RingMember, type RingOptions } from './ring-member.ts'
