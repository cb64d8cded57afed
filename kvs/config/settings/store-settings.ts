import { bytes, duration, integer, oneOf, orWord, path } from '../parsers.ts'
import type { Table } from '../settings-table.ts'

/** Settings of a node: its log, its spool, its queues. */
export const storeSettings = {
  dataDir: { name: 'KVS_DATA_DIR', default: './data', parse: path, purpose: 'Directory of what the node keeps' },
  maxValueBytes: {
    name: 'KVS_MAX_VALUE_BYTES',
    default: '1MiB',
    parse: bytes('0', '128MiB'), // replay reads a value as hexadecimal text, and a string of V8 has at most 512 MiB
    purpose: 'Largest value taken',
  },
  postgresTimeoutMs: {
    name: 'POSTGRES_TIMEOUT',
    default: '5s',
    parse: duration(),
    purpose: 'How long connecting or one answer may take before the connection counts as lost',
  },
  connectTimeoutMs: {
    name: 'KVS_CONNECT_TIMEOUT',
    default: 'never',
    parse: orWord('never', undefined, duration()),
    purpose: 'How long to wait for Postgres at start; never: for ever',
  },
  whenLogIsDown: {
    name: 'KVS_WHEN_LOG_IS_DOWN',
    default: 'spool',
    parse: oneOf('spool', 'refuse'),
    purpose: 'spool: keep writes on disk until the log is back; refuse: let them wait, then 503',
  },
  spoolMaxBytes: {
    name: 'KVS_SPOOL_MAX_BYTES',
    default: '1GiB',
    parse: bytes('1MiB', '1024GiB'),
    purpose: 'Size of all spooled writes; past it 503',
  },
  appendTimeoutMs: {
    name: 'KVS_APPEND_TIMEOUT',
    default: '10s',
    parse: duration(),
    purpose: 'How long a write waits for the log before it is spooled, or refused with 503',
  },
  maxWaitingWrites: {
    name: 'KVS_MAX_WAITING_WRITES',
    default: '10000',
    parse: integer(1, 10_000_000),
    purpose: 'Writes that may wait for the log; past it 503',
  },
  maxWaitingBytes: {
    name: 'KVS_MAX_WAITING_BYTES',
    default: '256MiB',
    parse: bytes('0', '64GiB'),
    purpose: 'Memory for values being received, waiting for the log, or being answered with; past it 503',
  },
  tailIntervalMs: {
    name: 'KVS_TAIL_INTERVAL',
    default: '1s',
    parse: duration(),
    purpose: 'How often to ask the log for others’ writes, of which they also tell at once',
  },
  maxLagMs: {
    name: 'KVS_MAX_LAG',
    default: '10s',
    parse: duration(),
    purpose: 'How old the past may be that a node serves before /readyz answers 503',
  },
  waitTimeoutMs: {
    name: 'KVS_WAIT_TIMEOUT',
    default: '5s',
    parse: duration(),
    purpose: 'How long a request waits for KVS-Min-Position, or for ?consistent',
  },
} satisfies Table
