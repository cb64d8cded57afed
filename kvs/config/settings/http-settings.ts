import { bytes, duration, integer, listenHost, ports } from '../parsers.ts'
import type { Table } from '../settings-table.ts'

/** Settings of the HTTP server: addresses, limits and timeouts. */
export const httpSettings = {
  host: { name: 'KVS_HOST', default: '127.0.0.1', parse: listenHost, purpose: 'Address to listen on' },
  ports: {
    name: 'PORT',
    default: '8080',
    parse: ports,
    purpose: 'Port to listen on, or several, as in `8080,8090`; 0: any free one',
  },
  maxConnections: {
    name: 'KVS_MAX_CONNECTIONS',
    default: '10000',
    parse: integer(1, 1_000_000),
    purpose: 'Client connections open at once',
  },
  maxHeaderBytes: {
    name: 'KVS_MAX_HEADER_BYTES',
    default: '16KiB',
    parse: bytes('4KiB', '1MiB'),
    purpose: 'Largest request line with headers',
  },
  headersTimeoutMs: {
    name: 'KVS_HEADERS_TIMEOUT',
    default: '10s',
    parse: duration(),
    purpose: 'How long request line and headers may take to arrive',
  },
  requestTimeoutMs: {
    name: 'KVS_REQUEST_TIMEOUT',
    default: '60s',
    parse: duration(),
    purpose: 'How long a whole request may take to arrive',
  },
  idleTimeoutMs: {
    name: 'KVS_IDLE_TIMEOUT',
    default: '90s',
    parse: duration(),
    purpose: 'How long a connection with a request may stay with nothing moving',
  },
  keepAliveTimeoutMs: {
    name: 'KVS_KEEPALIVE_TIMEOUT',
    default: '30s',
    parse: duration(),
    purpose: 'How long a connection is kept between requests; longer than a balancer before it keeps it',
  },
  drainDelayMs: {
    name: 'KVS_DRAIN_DELAY',
    default: '0s',
    parse: duration('0ms'),
    purpose: 'How long to serve on once told to stop, for a balancer to see /readyz at 503',
  },
  shutdownTimeoutMs: {
    name: 'KVS_SHUTDOWN_TIMEOUT',
    default: '10s',
    parse: duration(),
    purpose: 'How long requests may take to finish at shutdown',
  },
} satisfies Table
