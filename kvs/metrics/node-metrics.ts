import { states } from '../kv/index.ts'
import type { AppendTally } from '../log/index.ts'
import type { OldestSnapshot } from '../log/postgres/index.ts'
import { type MemoryBudget, purposes } from '../memory/index.ts'
import type { Replica } from '../replica/index.ts'
import type { Metric } from './metric.ts'

export interface NodeSources {
  readonly version: string
  readonly store: Pick<Replica, 'status' | 'measures' | 'logId'>
  readonly appends: AppendTally
  readonly budget: MemoryBudget
  /** Size of the log in Postgres, in bytes; undefined while it is not known. */
  readonly logSize: () => number | undefined
  /** Age of the oldest snapshot in Postgres; undefined while it is not known. */
  readonly oldestSnapshot: () => OldestSnapshot | undefined
}

/** Metrics of a node that has a log, beside those of its HTTP server. */
export function nodeMetrics(sources: NodeSources): Metric[] {
  return [
    ...identityMetrics(sources),
    ...appendMetrics(sources),
    ...memoryMetrics(sources),
    ...spoolMetrics(sources),
    ...logMetrics(sources),
    ...viewMetrics(sources),
  ]
}

function identityMetrics({ version, store }: NodeSources): Metric[] {
  return [
    {
      name: 'kvs_info',
      type: 'gauge',
      help: 'Always 1; the version of the program, and the id of the log once that is known',
      read: () => [{ labels: { version, log_id: store.logId() ?? '' }, value: 1 }],
    },
    {
      name: 'kvs_state',
      type: 'gauge',
      help: '1 for the state that the node is in, as on /readyz, and 0 for the others',
      read: () => {
        const { state: present } = store.status()
        return Object.keys(states).map((state) => ({ labels: { state }, value: Number(state === present) }))
      },
    },
  ]
}

function appendMetrics({ store, appends }: NodeSources): Metric[] {
  return [
    {
      name: 'kvs_append_batch_entries',
      type: 'histogram',
      help: 'Writes in a batch that was committed; its count is the number of batches',
      read: () => appends.entries,
    },
    {
      name: 'kvs_append_duration_seconds',
      type: 'histogram',
      help: 'What a batch took that was committed, from its sending to the answer of the log',
      read: () => appends.seconds,
    },
    {
      name: 'kvs_append_failures_total',
      type: 'counter',
      help: 'Batches that the log refused, or did not answer',
      read: () => appends.failures,
    },
    {
      name: 'kvs_append_queue_writes',
      type: 'gauge',
      help: 'Writes that wait for the log, or are on their way to it',
      read: () => store.measures().queue.writes,
    },
    {
      name: 'kvs_append_queue_bytes',
      type: 'gauge',
      help: 'What these weigh, with keys and a fixed part for each',
      read: () => store.measures().queue.bytes,
    },
  ]
}

function memoryMetrics({ budget }: NodeSources): Metric[] {
  return [
    {
      name: 'kvs_memory_held_bytes',
      type: 'gauge',
      help: 'What requests hold in memory: values of writes until they are stored, and answers until they are taken',
      read: () => purposes.map((purpose) => ({ labels: { purpose }, value: budget.held(purpose) })),
    },
    {
      name: 'kvs_memory_max_bytes',
      type: 'gauge',
      help: 'What they may hold together at the most: KVS_MAX_WAITING_BYTES',
      read: () => budget.maxBytes,
    },
  ]
}

function spoolMetrics({ store }: NodeSources): Metric[] {
  return [
    {
      name: 'kvs_spool_on',
      type: 'gauge',
      help: 'Whether writes are spooled while the log is down; else they are refused',
      read: () => Number(store.status().spool.on),
    },
    {
      name: 'kvs_spool_writes',
      type: 'gauge',
      help: 'Writes on the disk of this node that are not in the log yet',
      read: () => store.status().spool.writes,
    },
    {
      name: 'kvs_spool_bytes',
      type: 'gauge',
      help: 'What these weigh, with keys and a fixed part for each',
      read: () => store.status().spool.bytes,
    },
    {
      name: 'kvs_spool_max_bytes',
      type: 'gauge',
      help: 'What they may weigh at the most: KVS_SPOOL_MAX_BYTES',
      read: () => store.status().spool.maxBytes,
    },
  ]
}

function logMetrics({ store, logSize, oldestSnapshot }: NodeSources): Metric[] {
  return [
    {
      name: 'kvs_log_up',
      type: 'gauge',
      help: 'Whether the log can be reached, and takes writes',
      read: () => Number(store.measures().isLogUp),
    },
    {
      name: 'kvs_position_sequence',
      type: 'gauge',
      help: 'The last entry of the log that the node has applied',
      read: () => Number(store.measures().sequence),
    },
    {
      name: 'kvs_log_head_sequence',
      type: 'gauge',
      help: 'The last entry that the log is known to have',
      read: () => Number(store.measures().head),
    },
    {
      name: 'kvs_lag_seconds',
      type: 'gauge',
      help: 'How long ago the node was last known to have applied all of the log; absent before the replay',
      read: () => {
        const { lag } = store.status()
        return lag === null ? undefined : lag / 1_000
      },
    },
    {
      name: 'kvs_log_size_bytes',
      type: 'gauge',
      help:
        'What the tables of the log and their indexes take in Postgres, asked once a minute; ' +
        'absent while not known',
      read: logSize,
    },
    {
      name: 'kvs_log_oldest_snapshot_seconds',
      type: 'gauge',
      help:
        'How long ago the oldest transaction in Postgres began that holds a snapshot, asked once a minute; ' +
        'absent while not known',
      read: () => oldestSnapshot()?.seconds,
    },
    {
      name: 'kvs_log_oldest_snapshot_transactions',
      type: 'gauge',
      help: 'How many transactions ago that was, of standbys and replication slots too; absent while not known',
      read: () => oldestSnapshot()?.transactions,
    },
  ]
}

function viewMetrics({ store }: NodeSources): Metric[] {
  return [
    {
      name: 'kvs_replayed_entries',
      type: 'gauge',
      help: 'Entries, and keys of the checkpoint, that have been read from the log since the start',
      read: () => store.status().replayed,
    },
    {
      name: 'kvs_replay_entries',
      type: 'gauge',
      help: 'How many of them there are to read',
      read: () => store.status().total,
    },
    {
      name: 'kvs_view_keys',
      type: 'gauge',
      help: 'Keys that have a value',
      read: () => store.measures().view.keys,
    },
    {
      name: 'kvs_view_bytes',
      type: 'gauge',
      help: 'What they and their values take in memory, with some 10 bytes for each key',
      read: () => store.measures().view.bytes,
    },
    {
      name: 'kvs_view_allocated_bytes',
      type: 'gauge',
      help: 'The memory that is held for them',
      read: () => store.measures().view.allocatedBytes,
    },
    {
      name: 'kvs_view_keys_with_deadline',
      type: 'gauge',
      help: 'Keys that end by themselves, with those of kvs_view_keys_lapsed',
      read: () => {
        const { pending, lapsed } = store.measures().view.deadlines
        return pending + lapsed
      },
    },
    {
      name: 'kvs_view_keys_lapsed',
      type: 'gauge',
      help: 'Keys that have ended, and are in memory until the log has the entry that says so',
      read: () => store.measures().view.deadlines.lapsed,
    },
    {
      name: 'kvs_expiries_appended_total',
      type: 'counter',
      help: 'Entries that this node has appended to the log to say that a key has ended by itself',
      read: () => store.measures().expiries,
    },
  ]
}
