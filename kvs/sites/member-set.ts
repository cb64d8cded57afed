import { outranks, type Rank } from '../core/rank.ts'
import type { MemberEntry, SiteLog } from '../log/index.ts'

/**
 * The members of the group, by the addresses of their nodes: those that this node was configured with, and what this
 * site's log says of them since. That is a set that replicates as keys do: of each address, the newest entry counts.
 */
export interface MemberSet {
  list(): readonly string[]
  /** Those but this site itself. */
  others(): readonly string[]
  /** Whether this site was taken out. */
  readonly isRemoved: boolean
  /** Place in this log of the entry that took this site out; undefined where it is a member. */
  readonly removedAt: bigint | undefined
  /** Whether a reading of the log is under way, or the last one has failed. */
  readonly isStale: boolean
  /** Rank of the newest entry about an address; undefined where there is none. */
  rankOf(address: string): Rank | undefined
  /** Whether this site was taken out, and was added again since by an entry of this rank, which it has not heard of. */
  isOutdated(rank: Rank): boolean
  /** Reads the log anew: on return the set has all that was there at the call. Rejects as `SiteLog.readMembers`. */
  refresh(): Promise<void>
  /** Calls `listener` whenever the set has changed, until the returned function is called. */
  onChange(listener: () => void): () => void
}

export interface MemberSetOptions {
  readonly siteLog: Pick<SiteLog, 'readMembers'>
  /** Addresses of other sites that the node was configured with. */
  readonly configured: readonly string[]
  /** This node's own; undefined where it does not know it, and can't be taken out. */
  readonly own: string | undefined
}

export function makeMemberSet({ siteLog, configured, own }: MemberSetOptions): MemberSet {
  const listeners = new Set<() => void>()
  let changes: ReadonlyMap<string, MemberEntry> = new Map()
  let members: readonly string[] = membersBy(configured, own, changes)
  /** The reading that is to begin next, for all who asked since the last one began. */
  let next: Promise<void> | undefined
  let underWay: Promise<void> = Promise.resolve()
  let isStale = false

  const isRemoved = () => own !== undefined && changes.get(own)?.isMember === false

  async function read(): Promise<void> {
    await underWay.catch(() => undefined)
    next = undefined
    isStale = true
    underWay = siteLog.readMembers().then((found) => {
      isStale = false
      const [before, wasRemoved] = [members, isRemoved()]
      changes = found
      members = membersBy(configured, own, changes)
      if (before.join() === members.join() && wasRemoved === isRemoved()) return
      for (const listener of [...listeners]) listener()
    })
    return underWay
  }

  return {
    list: () => members,
    others: () => members.filter((address) => address !== own),
    get isRemoved() {
      return isRemoved()
    },
    get removedAt() {
      return isRemoved() && own !== undefined ? changes.get(own)?.sequence : undefined
    },
    get isStale() {
      return isStale
    },
    rankOf: (address) => changes.get(address),
    isOutdated(rank) {
      const known = own === undefined ? undefined : changes.get(own)
      return isRemoved() && known !== undefined && outranks(rank, known)
    },
    refresh() {
      next ??= read()
      return next
    },
    onChange(listener) {
      const one = () => listener()
      listeners.add(one)
      return () => void listeners.delete(one)
    },
  }
}

function membersBy(
  configured: readonly string[],
  own: string | undefined,
  changes: ReadonlyMap<string, MemberEntry>,
): readonly string[] {
  const all = new Set([...configured, ...(own === undefined ? [] : [own]), ...changes.keys()])
  return [...all].filter((address) => changes.get(address)?.isMember !== false)
}
