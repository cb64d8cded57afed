import { countSlots } from '../core/ring/slot-ranges.ts'
import type { RingService, Taking } from '../kv/index.ts'
import type { Metric } from './metric.ts'

export interface RingSources {
  readonly ring: Pick<RingService, 'current' | 'members' | 'state' | 'progress'>
  readonly routing: { readonly counts: RoutingCounts }
}

/** What a node has counted since its start of what it asks of other members. */
export interface RoutingCounts {
  /** Requests sent to other members, those for their parts of the keys among them. */
  readonly passedOn: number
  /** How many of these the member has refused, since it does not own the keys. */
  readonly refusedByVersion: number
  /** How often a request was tried again, here or elsewhere. */
  readonly retried: number
}

/** Metrics of a node that may be a member of a ring. */
export function ringMetrics({ ring, routing }: RingSources): Metric[] {
  return [...versionMetrics(ring), ...shareMetrics(ring), ...moveMetrics(ring), ...requestMetrics(routing)]
}

/** Each has the id of the ring, so that the versions of two rings are not compared; it is empty in no ring. */
function versionMetrics(ring: RingSources['ring']): Metric[] {
  const sample = (value: number) => [{ labels: { ring: ring.current()?.id ?? '' }, value }]
  return [
    {
      name: 'kvs_ring_version',
      type: 'gauge',
      help: 'The newest version of the ring that this node knows, 0 in no ring',
      read: () => sample(ring.current()?.version ?? 0),
    },
    {
      name: 'kvs_ring_change_under_way',
      type: 'gauge',
      help: '1 while a change of the ring is under way in that version, 0 else',
      read: () => sample(Number(ring.current()?.next !== undefined)),
    },
  ]
}

function shareMetrics(ring: RingSources['ring']): Metric[] {
  return [
    {
      name: 'kvs_ring_slots_owned',
      type: 'gauge',
      help: 'Slots whose keys the log of this node takes: all 10000 in no ring, 0 on a standby',
      read: () => countSlots(ring.state().owns),
    },
    {
      name: 'kvs_ring_members',
      type: 'gauge',
      help: 'Members that own a part of the ring, by the version that this node knows; 1 in no ring',
      read: () => ring.members().length,
    },
  ]
}

/** Of keys that change hands. */
function moveMetrics(ring: RingSources['ring']): Metric[] {
  return [
    {
      name: 'kvs_ring_taking',
      type: 'gauge',
      help: '1 for the state of what this node takes from other members, 0 for the others, and for all if it takes nothing',
      read() {
        const now = ring.progress().taking?.state
        return takingStates.map((state) => ({ labels: { state }, value: Number(state === now) }))
      },
    },
    {
      name: 'kvs_ring_moved_keys_total',
      type: 'counter',
      help: 'Writes that this node has stored to take keys from other members: puts of them, and deletes of what they lack',
      read: () => ring.progress().moved,
    },
    {
      name: 'kvs_ring_copies',
      type: 'gauge',
      help: 'Keys here that are another member’s, and still to be deleted; absent before a count, and during a change',
      read: () => ring.progress().copies ?? undefined,
    },
  ]
}

const takingStates: readonly Taking['state'][] = ['copying', 'following', 'taken']

function requestMetrics(routing: RingSources['routing']): Metric[] {
  return [
    {
      name: 'kvs_ring_requests_passed_on_total',
      type: 'counter',
      help: 'Requests that this node has sent to other members; one that is tried again counts again',
      read: () => routing.counts.passedOn,
    },
    {
      name: 'kvs_ring_refused_by_version_total',
      type: 'counter',
      help: 'Those of them that the member answered 421: by its version of the ring it does not own the keys',
      read: () => routing.counts.refusedByVersion,
    },
    {
      name: 'kvs_ring_retries_total',
      type: 'counter',
      help: 'How often this node has tried a request again, since no member took it: the ring was changing',
      read: () => routing.counts.retried,
    },
  ]
}
