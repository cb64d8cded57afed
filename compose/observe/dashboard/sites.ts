import { graph, type Row } from './panels.ts'
import { of, rate } from './queries.ts'

/** As the node that leads knows it: what another one knows of peers is of when it led. */
const led = (metric: string) => `max by (peer) (${of(metric)} and on (instance, peer) ${of('kvs_site_peer_followed')})`

export const sites: Row = {
  title: 'Sites',
  pieces: [
    graph(
      'Lag behind other sites',
      'How long ago this site had all that the one at that address had.',
      [[led('kvs_site_lag_seconds'), '{{peer}}']],
      { unit: 's', min: 0 },
    ),
    graph(
      'Entries that other sites have more',
      'As last told. It falls while this site catches up.',
      [[led('kvs_site_lag_entries'), '{{peer}}']],
      { unit: 'none', min: 0 },
    ),
    graph(
      'Differing keys',
      'Keys that are known to have another value at that address for good. Anything but 0 is a fault.',
      [[`max by (peer) (${of('kvs_site_differing_keys')})`, '{{peer}}']],
      { unit: 'none', min: 0 },
    ),
    graph(
      'Followed',
      'By the node that leads: 1 where it follows the log at that address, 0 where it can’t.',
      [
        [of('kvs_site_peer_followed'), '{{peer}} by {{instance}}'],
        [of('kvs_site_leads'), '{{instance}} leads'],
      ],
      { unit: 'none', min: 0, max: 1 },
    ),
    graph(
      'Entries taken over',
      'And those that had no effect, or came from the future.',
      [
        [`sum by (instance) (${rate('kvs_site_entries_total')})`, '{{instance}} taken over'],
        [`sum by (instance) (${rate('kvs_site_superseded_total')})`, '{{instance}} superseded'],
        [`sum by (instance) (${rate('kvs_site_far_stamps_total')})`, '{{instance}} from the future'],
        [`sum by (instance) (${rate('kvs_site_short_writes_total')})`, '{{instance}} with too few copies'],
      ],
      { unit: 'ops', min: 0 },
    ),
    graph(
      'Unmet dependencies',
      'Keys whose newest write came before something that its client had seen; 0 once all sites are connected.',
      [[of('kvs_site_unmet_dependencies'), '{{instance}}']],
      { unit: 'none', min: 0 },
    ),
    graph('Tombstones', 'Deleted keys that are remembered.', [[of('kvs_site_tombstones'), '{{instance}}']], {
      unit: 'none',
      min: 0,
    }),
  ],
}
