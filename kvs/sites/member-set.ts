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
  /** The entry that took this site out; undefined where it is a member. */
  readonly removal: MemberEntry | undefined
  /** Whether a reading of the log is under way, or the last one has failed. */
  readonly isStale: boolean
  /** Rank of the newest entry about an address; undefined where there is none. */
  rankOf(address: string): Rank | undefined
  /**
   * This site, which was taken out, was added by an entry of this rank, as another one says. It counts as a member, as
   * long as the log has nothing newer about it than what took it out. The log gets the entry itself in its turn: one
   * that this site wrote of itself could be newer, by its clock, than what the others write of it afterwards, and they
   * would not hear of it.
   */
  noteAdded(rank: Rank): void
  /** Whether it counts as a member by that alone. */
  readonly isNoted: boolean
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
  /** The reading that is to begin next, for all who asked since the last one began. */
  let next: Promise<void> | undefined
  let underWay: Promise<void> = Promise.resolve()
  let isStale = false
  /** What took this site out before it was added, as others have said. */
  let overruled: MemberEntry | undefined

  const isOverruled = (entry: MemberEntry) =>
    entry.origin === overruled?.origin && entry.originSequence === overruled.originSequence

  /** The newest entry about this site, where that took it out. */
  function lastRemoval(): MemberEntry | undefined {
    const newest = own === undefined ? undefined : changes.get(own)
    return newest?.isMember === false ? newest : undefined
  }

  /** The entry that took this site out; undefined where it is a member. */
  function removal(): MemberEntry | undefined {
    const newest = lastRemoval()
    return newest === undefined || isOverruled(newest) ? undefined : newest
  }

  function list(): readonly string[] {
    const all = new Set([...configured, ...(own === undefined ? [] : [own]), ...changes.keys()])
    return [...all].filter((address) => {
      return address === own ? removal() === undefined : changes.get(address)?.isMember !== false
    })
  }

  let members = list()

  function change(make: () => void): void {
    const [before, wasRemoved] = [members, removal() !== undefined]
    make()
    members = list()
    if (before.join() === members.join() && wasRemoved === (removal() !== undefined)) return
    for (const listener of [...listeners]) listener()
  }

  async function read(): Promise<void> {
    await underWay.catch(() => undefined)
    next = undefined
    isStale = true
    underWay = siteLog.readMembers().then((found) => {
      isStale = false
      change(() => {
        changes = found
      })
    })
    return underWay
  }

  return {
    list: () => members,
    others: () => members.filter((address) => address !== own),
    get isRemoved() {
      return removal() !== undefined
    },
    get removal() {
      return removal()
    },
    get isStale() {
      return isStale
    },
    rankOf: (address) => changes.get(address),
    noteAdded(rank) {
      const newest = lastRemoval()
      if (newest === undefined || !outranks(rank, newest)) return
      change(() => {
        overruled = newest
      })
    },
    get isNoted() {
      return lastRemoval() !== undefined && removal() === undefined
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
