import { graph, type Row } from './panels.ts'
import { of, rate } from './queries.ts'

export const ring: Row = {
  title: 'Ring',
  pieces: [
    graph(
      'Version of the ring',
      'The newest one that each member knows; 0 in no ring. All are the same a moment after a change.',
      [[of('kvs_ring_version'), '{{instance}} {{ring}}']],
      { unit: 'none', min: 0 },
    ),
    graph(
      'Change under way',
      'By the version that each member knows: 1 while one is.',
      [[of('kvs_ring_change_under_way'), '{{instance}}']],
      { unit: 'none', min: 0, max: 1 },
    ),
    graph(
      'Slots owned',
      'By the log of each member. Those of one ring come to 10,000, and to less only while a change is under way.',
      [[of('kvs_ring_slots_owned'), '{{instance}}']],
      { unit: 'none', min: 0, stacked: true },
    ),
    graph(
      'Members',
      'That own a part of the ring, by the version that each node knows.',
      [[of('kvs_ring_members'), '{{instance}}']],
      { unit: 'none', min: 0 },
    ),
    graph(
      'Keys taken',
      'Writes a second by which members take the keys that a change gives them. KVS_HANDOVER_RATE bounds it.',
      [[`sum by (instance) (${rate('kvs_ring_moved_keys_total')})`, '{{instance}}']],
      { unit: 'none', min: 0 },
    ),
    graph(
      'How far keys are taken',
      'The state of what each member takes: it copies, it follows what is written meanwhile, or it has all.',
      [[`${of('kvs_ring_taking')} == 1`, '{{instance}} {{state}}']],
      { unit: 'none', min: 0, max: 1 },
    ),
    graph(
      'Copies',
      'Keys that are another member’s, and still to be deleted. It falls to 0 some time after a change.',
      [[of('kvs_ring_copies'), '{{instance}}']],
      { unit: 'none', min: 0 },
    ),
    graph(
      'Requests passed on',
      'To other members. The more members there are, the larger the share of all requests.',
      [[`sum by (instance) (${rate('kvs_ring_requests_passed_on_total')})`, '{{instance}}']],
      { unit: 'reqps', min: 0 },
    ),
    graph(
      'Refused and tried again',
      'Requests that another member refused by its version of the ring. It falls to 0 a moment after a change.',
      [
        [`sum by (instance) (${rate('kvs_ring_refused_by_version_total')})`, '{{instance}} refused'],
        [`sum by (instance) (${rate('kvs_ring_retries_total')})`, '{{instance}} tried again'],
      ],
      { unit: 'reqps', min: 0 },
    ),
  ],
}
