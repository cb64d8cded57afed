import type { HttpTally } from '../http/exchange/index.ts'
import type { Metric } from './metric.ts'

/** Metrics of the HTTP server, which every role has. */
export function httpMetrics(tally: HttpTally): Metric[] {
  return [
    {
      name: 'kvs_http_request_duration_seconds',
      type: 'histogram',
      help: 'From the arrival of a request to the last byte of its answer; its count is the number of requests',
      read: () =>
        Array.from(tally.requests(), ({ route, method, status, seconds }) => ({
          labels: { route, method, status },
          value: seconds,
        })),
    },
    {
      name: 'kvs_http_requests_in_flight',
      type: 'gauge',
      help: 'Requests that are being handled, this one among them',
      read: () => tally.inFlight,
    },
    {
      name: 'kvs_http_connections',
      type: 'gauge',
      help: 'Open connections of clients',
      read: () => tally.connections,
    },
    {
      name: 'kvs_http_connections_refused_total',
      type: 'counter',
      help: 'Connections refused, since KVS_MAX_CONNECTIONS were open',
      read: () => tally.refused,
    },
    {
      name: 'kvs_http_unparsed_requests_total',
      type: 'counter',
      help: 'Requests that are not HTTP as this service takes it, by the code of the error they were answered with',
      read: () => Array.from(tally.unparsed, ([code, value]) => ({ labels: { code }, value })),
    },
  ]
}
