import { ownerOf, type Ring } from '../../../kvs/core/ring/description.ts'
import { slotCount, slotOf } from '../../../kvs/core/ring/key-slot.ts'
import { ringEntryIn } from '../../../kvs/core/ring/ring-text.ts'
import { countSlots, hasSlot, slotsWithout } from '../../../kvs/core/ring/slot-ranges.ts'
import type { Cluster } from '../cluster.ts'
import { remaining } from '../faults.ts'
import { becomes, type ServingStage } from '../stage.ts'
import { isOfKey, isOfRing, isPut } from './commit.ts'
import type { LostMembers } from './lost-member.ts'
import type { RingClients } from './ring-clients.ts'
import { addressOf } from './ring-schedule.ts'

export interface RingStage extends ServingStage {
  readonly clients: RingClients
}

/** A change that has not ended by then, with all faults taken back, never ends. */
const patienceMs = 120_000

/** Whether each change ends by itself, all nodes come to know the same ring, and no copies stay. */
export async function settles({ clusters, world, violation }: RingStage): Promise<boolean> {
  if (await becomes(world, () => unsettledIn(clusters).length === 0, patienceMs)) return true
  for (const sentence of unsettledIn(clusters)) violation(`${patienceMs / 1000} s after the last fault ${sentence}`)
  return false
}

/** Whether each member that is lost comes to be taken out. */
export async function takesOut({ world, violation }: RingStage, lost: Pick<LostMembers, 'areOut'>): Promise<boolean> {
  if (await becomes(world, () => lost.areOut, patienceMs)) return true
  violation(`${patienceMs / 1000} s after the last fault a member that is lost could not be taken out`)
  return false
}

/** A sentence for each node that is not settled. */
function unsettledIn(clusters: readonly Cluster[]): string[] {
  const known = new Map<string, string>()
  return clusters.flatMap((cluster) =>
    remaining(cluster).flatMap(({ name, server }) => {
      const ring = server()?.ring
      const current = ring?.current()
      if (ring === undefined) return [`${name} does not run`]
      if (current === undefined) return []
      if (current.next !== undefined) return [`${name} knows of a change that was not ended`]
      const text = textOf(current)
      const other = known.get(current.id) ?? text
      known.set(current.id, other)
      if (text !== other) return [`${name} knows another version of the ring: ${text}, not ${other}`]
      const { copies, taking } = ring.progress()
      if (taking !== null) return [`${name} still takes keys`]
      return copies === keptIn(cluster).size ? [] : [`${name} still has ${copies ?? 'uncounted'} copies`]
    }),
  )
}

/** Keys that a log keeps, since a member was lost and it may be the only one that has them besides. */
function keptIn({ logServer: { entries } }: Cluster): ReadonlySet<string> {
  const { keeps = [], owns = [] } = ringEntryIn(entries.findLast(isOfRing)?.key ?? '') ?? {}
  const kept = new Set<string>()
  for (const entry of entries) {
    if (!isOfKey(entry) || entry.superseded || !hasSlot(slotsWithout(keeps, owns), slotOf(entry.key))) continue
    if (isPut(entry)) kept.add(entry.key)
    else kept.delete(entry.key)
  }
  return kept
}

const textOf = ({ id, version, home, positions, standbys }: Ring) =>
  JSON.stringify([id, version, home, [...positions].toSorted(([one], [other]) => one - other), standbys])

/** Once all is settled there is one ring, whose members own all slots between them, each what the ring says. */
export function checkSettled(clusters: readonly Cluster[], keys: readonly string[]): string[] {
  const rings = new Map<string, Ring>()
  for (const cluster of clusters) {
    for (const { server } of remaining(cluster)) {
      const ring = server()?.ring?.current()
      if (ring !== undefined) rings.set(ring.id, ring)
    }
  }
  const [ring] = rings.values()
  if (ring === undefined || rings.size > 1) return [`there are ${rings.size} rings`]
  const logs = clusters.map(({ logServer, isLost }, member) => {
    const entry = logServer.entries.findLast(isOfRing)
    return { address: addressOf(member), isLost, owns: entry && ringEntryIn(entry.key)?.owns, entry }
  })
  const inRing = logs.filter(({ entry, isLost }) => !isLost && entry && ringEntryIn(entry.key)?.ring.id === ring.id)
  const count = inRing.reduce((sum, { owns = [] }) => sum + countSlots(owns), 0)
  const members = new Set(ring.positions.values())
  return [
    ...(count === slotCount ? [] : [`the members own ${count} slots in the end`]),
    ...[...members].flatMap((address) =>
      inRing.some((one) => one.address === address) ? [] : [`${address} does not know that it is a member`],
    ),
    ...keys.flatMap((key) => (ownerOf(ring.positions, slotOf(key)) === undefined ? [`${key} has no owner`] : [])),
  ]
}
