import type { SitesStatus } from '../kv/index.ts'
import type { Replica } from '../replica/index.ts'
import type { Metric } from './metric.ts'

export interface SiteSources {
  readonly store: Pick<Replica, 'measures'>
  readonly sites: {
    readonly status: SitesStatus
    readonly measures: {
      readonly entries: number
      readonly superseded: number
      readonly farStamps: number
      readonly shortWrites: number
    }
  }
}

/** Metrics of a node whose log takes over entries of others. */
export function siteMetrics({ store, sites }: SiteSources): Metric[] {
  return [...peerMetrics(sites), ...takeoverMetrics(sites), ...conflictMetrics(store)]
}

function peerMetrics(sites: SiteSources['sites']): Metric[] {
  const samples = (value: (peer: SitesStatus['peers'][number]) => number | null) =>
    sites.status.peers.flatMap((peer) => {
      const found = value(peer)
      return found === null ? [] : [{ labels: { peer: peer.address }, value: found }]
    })
  return [
    {
      name: 'kvs_site_leads',
      type: 'gauge',
      help: '1 on the node that takes over the entries of other sites for its own, and 0 on the others of that site',
      read: () => Number(sites.status.leads),
    },
    {
      name: 'kvs_site_peer_followed',
      type: 'gauge',
      help: 'On the node that leads: 1 for an address of another site whose log it follows, 0 where it can’t',
      read: () =>
        samples(({ state }) => (state === 'following' ? 1 : state === 'unreachable' && sites.status.leads ? 0 : null)),
    },
    {
      name: 'kvs_site_lag_entries',
      type: 'gauge',
      help: 'Entries that the log of another site had, as last told, and this site’s did not',
      read: () => samples(({ behind }) => behind),
    },
    {
      name: 'kvs_site_lag_seconds',
      type: 'gauge',
      help: 'How long ago this site had all that the other one had',
      read: () => samples(({ lag }) => (lag === null ? null : lag / 1_000)),
    },
    {
      name: 'kvs_site_differing_keys',
      type: 'gauge',
      help: 'Keys that are known to have another value at another site, though each has all that the other one had',
      read: () => samples(({ comparison }) => comparison?.differing ?? null),
    },
    {
      name: 'kvs_site_comparison_age_seconds',
      type: 'gauge',
      help: 'How long ago the last comparison with the values of another site came to its end',
      read: () => samples(({ comparison }) => (comparison ? comparison.age / 1_000 : null)),
    },
  ]
}

function takeoverMetrics(sites: SiteSources['sites']): Metric[] {
  return [
    {
      name: 'kvs_site_entries_total',
      type: 'counter',
      help: 'Entries of other sites that this node has taken over',
      read: () => sites.measures.entries,
    },
    {
      name: 'kvs_site_superseded_total',
      type: 'counter',
      help: 'Those of them that had no effect: a newer write of the same key was there already',
      read: () => sites.measures.superseded,
    },
    {
      name: 'kvs_site_far_stamps_total',
      type: 'counter',
      help: 'Entries of other sites whose stamp was an hour or more in the future: a clock is wrong somewhere',
      read: () => sites.measures.farStamps,
    },
    {
      name: 'kvs_site_short_writes_total',
      type: 'counter',
      help: 'Writes that were answered 202 because fewer logs than KVS_MIN_COPIES had them in time',
      read: () => sites.measures.shortWrites,
    },
  ]
}

function conflictMetrics(store: SiteSources['store']): Metric[] {
  return [
    {
      name: 'kvs_site_unmet_dependencies',
      type: 'gauge',
      help: 'Keys whose newest write came before something that its client had seen',
      read: () => store.measures().unmet,
    },
    {
      name: 'kvs_site_tombstones',
      type: 'gauge',
      help: 'Deleted keys that are remembered, so that an older write of another site does not bring them back',
      read: () => store.measures().tombstones,
    },
  ]
}
