import { graph, type Row } from './panels.ts'
import { of, quantile, rate } from './queries.ts'

export const log: Row = {
  title: 'The log',
  pieces: [
    graph('Log reachable', 'By each node: 1 where it is.', [[of('kvs_log_up'), '{{instance}}']], {
      unit: 'none',
      min: 0,
      max: 1,
    }),
    graph(
      'Batches committed',
      'And those that the log refused or did not answer.',
      [
        [`sum by (instance) (${rate('kvs_append_batch_entries_count')})`, '{{instance}} committed'],
        [`sum by (instance) (${rate('kvs_append_failures_total')})`, '{{instance}} failed'],
      ],
      { unit: 'ops', min: 0 },
    ),
    graph(
      'Entries in a batch',
      'More of them when the log is slow: what arrives meanwhile forms the next batch.',
      [
        [
          `sum by (instance) (${rate('kvs_append_batch_entries_sum')}) / sum by (instance) (${rate('kvs_append_batch_entries_count')})`,
          '{{instance}} mean',
        ],
        [quantile(0.99, 'kvs_append_batch_entries', ''), 'p99'],
      ],
      { unit: 'none', min: 0 },
    ),
    graph(
      'Commit of a batch',
      'From its sending to the answer of the log.',
      [
        [quantile(0.5, 'kvs_append_duration_seconds', 'instance'), '{{instance}} p50'],
        [quantile(0.99, 'kvs_append_duration_seconds', 'instance'), '{{instance}} p99'],
      ],
      { unit: 's', min: 0 },
    ),
    graph(
      'Writes that wait for the log',
      'KVS_MAX_WAITING_WRITES is the most.',
      [[of('kvs_append_queue_writes'), '{{instance}}']],
      { unit: 'none', min: 0 },
    ),
    graph('What these weigh', 'KVS_MAX_WAITING_BYTES is the most.', [[of('kvs_append_queue_bytes'), '{{instance}}']], {
      unit: 'bytes',
      min: 0,
    }),
    graph('Spooled writes', 'On a node’s disk, and not in the log yet.', [[of('kvs_spool_writes'), '{{instance}}']], {
      unit: 'none',
      min: 0,
    }),
    graph(
      'Size of the spool',
      'And what it may have at the most.',
      [
        [of('kvs_spool_bytes'), '{{instance}}'],
        [`max(${of('kvs_spool_max_bytes')})`, 'at the most'],
      ],
      { unit: 'bytes', min: 0 },
    ),
    graph(
      'Size of the log',
      'Its tables and indexes in Postgres, and what they come to in a week at the rate of the last six hours.',
      [
        [`max(${of('kvs_log_size_bytes')})`, 'log'],
        [`predict_linear(max(${of('kvs_log_size_bytes')})[6h:5m], 7 * 86400)`, 'in a week'],
      ],
      { unit: 'bytes', min: 0 },
    ),
    graph(
      'Oldest snapshot in Postgres',
      'How long ago its transaction began: a dump, or a session that was left open. Old versions of rows stay that long.',
      [[`max(${of('kvs_log_oldest_snapshot_seconds')})`, 'oldest']],
      { unit: 's', min: 0 },
    ),
  ],
}
