import { type Ring, slotsOfMember } from '../../../kvs/core/ring/description.ts'
import { ringEntryIn } from '../../../kvs/core/ring/ring-text.ts'
import type { Cluster } from '../cluster.ts'
import { wait } from '../disk.ts'
import { remaining } from '../faults.ts'
import type { Node } from '../node.ts'
import type { Lane } from '../scheduler.ts'
import { isOfRing } from './commit.ts'
import { isInRing } from './ring-clients.ts'
import type { RingOperator } from './ring-operator.ts'
import { addressOf, type RingFault } from './ring-schedule.ts'

/** Members whose logs are gone for good, and the person who takes them out of the ring. */
export interface LostMembers {
  /** Numbers of those that are lost, with the virtual time at which they were. */
  readonly lostAt: ReadonlyMap<number, number>
  /** Whether all are taken out. */
  readonly areOut: boolean
  lose(fault: Extract<RingFault, { kind: 'member lost' }>): void
}

export interface LostMembersOptions {
  readonly clusters: readonly Cluster[]
  readonly operator: Pick<RingOperator, 'ask'>
  readonly lane: Lane
  /** Virtual milliseconds. */
  readonly now: () => number
}

/** The pause before somebody asks again, in milliseconds. */
const pauseMs = 1_000

export function makeLostMembers({ clusters, operator, lane, now }: LostMembersOptions): LostMembers {
  const lostAt = new Map<number, number>()
  let left = 0

  /** Asks one node after the other, and confirms what the answer says. */
  async function takeOut(member: number, first: number): Promise<void> {
    const address = addressOf(member)
    const nodes = clusters.flatMap((cluster) => cluster.nodes)
    let confirmed: number | undefined
    for (let turn = first; ; turn++) {
      const node = nodes[turn % nodes.length] as Node
      if (isInRing(node)) {
        const name = `remove_lost ${address}${confirmed === undefined ? '' : ` with confirm=${confirmed}`}`
        const answer = await operator.ask(node, name, (ring) => ring.removeLost([address], confirmed))
        if (answer === 'done' || answer.includes('is not in the ring')) return
        const [, version] = /confirm=(\d+)/.exec(answer) ?? []
        const isRefused = version === undefined
        confirmed = isRefused ? undefined : Number(version)
        // Whoever has read the answer confirms it at once, at the same node.
        if (!isRefused) turn--
      }
      await wait(lane, pauseMs)
    }
  }

  return {
    lostAt,
    get areOut() {
      return left === 0
    },
    lose({ member, asked }) {
      const cluster = clusters[member]
      if (cluster === undefined || cluster.isLost || !hasOthers(clusters, member)) return
      lostAt.set(member, now())
      cluster.isLost = true
      for (const node of cluster.nodes) node.kill()
      cluster.logServer.stop()
      left++
      void takeOut(member, asked).then(() => left--)
    },
  }
}

/** Whether the ring has another member, in each version that some log has as its newest, now and after its change. */
function hasOthers(clusters: readonly Cluster[], member: number): boolean {
  const rings = clusters.flatMap(({ logServer }): Ring[] => {
    const entry = logServer.entries.findLast(isOfRing)
    const ring = entry && ringEntryIn(entry.key)?.ring
    return ring === undefined ? [] : [ring]
  })
  const isThere = (other: number) => other !== member && clusters[other] && remaining(clusters[other]).length > 0
  const others = clusters.flatMap((_, other) => (isThere(other) ? addressOf(other) : []))
  return rings.every(({ positions, next = positions }) =>
    [positions, next].every((one) => others.some((address) => slotsOfMember(one, address).length > 0)),
  )
}
