/** The members of a ring, and the ring that is formed of some of them before clients begin. */
export interface RingPlan {
  readonly members: readonly MemberPlan[]
  /** Positions with the numbers of their members, the first of which is 0; one at least. */
  readonly positions: readonly RingPosition[]
}

export type RingPosition = readonly [position: number, member: number]

/** A log with its nodes, behind one address. */
export interface MemberPlan {
  /** 1 or 2. */
  readonly nodes: number
  /** How far the wall clock of the log's server is ahead when all begins, in milliseconds. */
  readonly clock: number
}

/**
 * Somebody asks a node for a change of the ring, once. Nothing is asked where the node is in no ring, since it could
 * form a second one.
 */
export type RingFault = {
  readonly at: number
  /** The node that is asked; the first one is 0. */
  readonly asked: number
} & (
  | { readonly kind: 'position added'; readonly position: number; readonly member: number }
  | { readonly kind: 'member removed'; readonly member: number }
  | { readonly kind: 'ring replaced'; readonly positions: readonly RingPosition[] }
  | { readonly kind: 'change called off' }
  /**
   * The log of a member is gone for good, and its nodes with it. Somebody has it taken out, and asks until it is done.
   * Nothing happens where the ring would have no member left.
   */
  | { readonly kind: 'member lost'; readonly member: number }
)

export function isOfRing(fault: object): fault is RingFault {
  return 'asked' in fault
}

/** The change in a few words, without its time. */
export function describeRingFault(fault: RingFault, nodeName: string, memberName: (member: number) => string): string {
  return `${nodeName}: ${fault.kind}${extentOf(fault, memberName)}`
}

function extentOf(fault: RingFault, memberName: (member: number) => string): string {
  switch (fault.kind) {
    case 'position added':
      return `, ${fault.position} for ${memberName(fault.member)}`
    case 'member removed':
    case 'member lost':
      return `, ${memberName(fault.member)}`
    case 'ring replaced':
      return ` by ${fault.positions.map(([position, member]) => `${position} for ${memberName(member)}`).join(', ')}`
    case 'change called off':
      return ''
  }
}

/** The member that a node belongs to; -1 where there is none. Nodes are counted through all members. */
export function memberOfNode({ members }: RingPlan, node: number): number {
  let nodes = 0
  return members.findIndex((member) => {
    nodes += member.nodes
    return node < nodes
  })
}

/**
 * Without the last member's last node, or without that member. Undefined where no position would be left.
 */
export function withoutLastOf({ members, positions }: RingPlan): RingPlan | undefined {
  const last = members.length - 1
  const shorter = members.flatMap((member, index) => {
    if (index < last) return [member]
    return member.nodes > 1 ? [{ ...member, nodes: member.nodes - 1 }] : []
  })
  const left = positions.filter(([, member]) => member < shorter.length)
  return left.length === 0 ? undefined : { members: shorter, positions: left }
}

/** Whether all that a change names is there. */
export function canBeAsked(fault: RingFault, { members }: RingPlan): boolean {
  const nodes = members.reduce((sum, member) => sum + member.nodes, 0)
  const named =
    fault.kind === 'ring replaced'
      ? fault.positions.map(([, member]) => member)
      : 'member' in fault
        ? [fault.member]
        : []
  return fault.asked < nodes && named.every((member) => member < members.length)
}

/** What a member is called in the ring. */
export const addressOf = (member: number) => `10.0.0.${member + 1}:5000`
