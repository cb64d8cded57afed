import { graph, type Row } from './panels.ts'
import { of, rate } from './queries.ts'

export const following: Row = {
  title: 'Following the log',
  pieces: [
    graph(
      'Lag',
      'How long ago the node was last known to have all of the log; up to KVS_TAIL_INTERVAL when nothing happens.',
      [[of('kvs_lag_seconds'), '{{instance}}']],
      { unit: 's', min: 0 },
    ),
    graph(
      'Position',
      'The last entry that each node has applied, and the last that the log is known to have.',
      [
        [of('kvs_position_sequence'), '{{instance}}'],
        [`max(${of('kvs_log_head_sequence')})`, 'head'],
      ],
      { unit: 'none', min: 0 },
    ),
    graph(
      'Replay',
      'What has been read of the log since the start, of what there was to read.',
      [[`${of('kvs_replayed_entries')} / (${of('kvs_replay_entries')} > 0)`, '{{instance}}']],
      { unit: 'percentunit', min: 0, max: 1 },
    ),
  ],
}

export const node: Row = {
  title: 'Keys and the process',
  pieces: [
    graph('Keys', 'That have a value.', [[of('kvs_view_keys'), '{{instance}}']], { unit: 'none', min: 0 }),
    graph(
      'Memory',
      'Of the whole process, of its JavaScript objects, and for keys and values.',
      [
        [of('process_resident_memory_bytes'), '{{instance}} process'],
        [of('nodejs_heap_size_used_bytes'), '{{instance}} objects'],
        [of('kvs_view_allocated_bytes'), '{{instance}} held for keys'],
        [of('kvs_view_bytes'), '{{instance}} keys and values'],
      ],
      { unit: 'bytes', min: 0 },
    ),
    graph(
      'CPU',
      '100 % is one core; a node can’t use much more.',
      [[rate('process_cpu_seconds_total'), '{{instance}}']],
      { unit: 'percentunit', min: 0 },
    ),
    graph(
      'Event loop lag',
      'How late the node comes to what is to be done, in 99 of 100 times.',
      [[of('nodejs_eventloop_lag_p99_seconds'), '{{instance}}']],
      { unit: 's', min: 0 },
    ),
    graph('Open files', 'And sockets.', [[of('process_open_fds'), '{{instance}}']], { unit: 'none', min: 0 }),
    graph('Uptime', 'Falls to 0 at each start.', [[`time() - ${of('process_start_time_seconds')}`, '{{instance}}']], {
      unit: 's',
      min: 0,
    }),
  ],
}
