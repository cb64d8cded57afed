/** Nodes of the members, in the order in which they start. Each member has one node and a Postgres. */
export const memberNames = ['node-1', 'node-2', 'node-3', 'node-4'] as const
export type MemberName = (typeof memberNames)[number]
export type MemberService = MemberName | `postgres-${number}`

/** A member of the ring, or one that may become one. */
export interface RingMemberNode {
  readonly name: MemberName
  /** Where clients reach it. */
  readonly url: string
  /** Address in the ring. */
  readonly address: string
}

export const postgresOf = (name: MemberName): MemberService => `postgres-${numberOf(name)}`

export function numberOf(name: MemberName): number {
  return memberNames.indexOf(name) + 1
}

/** What a node needs of settings for a drill: a fault of a few seconds is noticed, and keys move for a while. */
export const ringSettings: Readonly<Record<string, string>> = {
  ...{ POSTGRES_TIMEOUT: '2s', KVS_APPEND_TIMEOUT: '3s', KVS_HANDOVER_RATE: '1000' },
  ...{ LOG_FORMAT: 'json', LOG_LEVEL: 'info' },
}

/** Address of a node in the network between the members, as in compose/ring.yml, where .6 is the balancer's. */
export function hostIn(subnet: string, name: MemberName): string {
  const number = numberOf(name)
  return `${subnet}.${number < 4 ? 2 + number : 3 + number}`
}
