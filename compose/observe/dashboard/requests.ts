import { graph, type Row } from './panels.ts'
import { keys, of, quantile, rate, requests } from './queries.ts'

export const requestsRow: Row = {
  title: 'Requests',
  pieces: [
    graph(
      'Requests',
      'By route, method and status.',
      [[`sum by (route, method, status) (${rate(`${requests}_count`)})`, '{{method}} {{route}} {{status}}']],
      { unit: 'reqps', stacked: true, min: 0 },
    ),
    graph(
      'Answered with 4xx or 5xx',
      'Those of /readyz among them: a node that is not ready answers it with 503.',
      [
        [
          `sum by (route, method, status) (${rate(`${requests}_count`, 'status=~"[45].."')})`,
          '{{method}} {{route}} {{status}}',
        ],
      ],
      { unit: 'reqps', min: 0 },
    ),
    graph(
      'Latency for keys',
      'From the arrival of a request to the last byte of its answer, of half of the requests and of 99 in 100.',
      [
        [quantile(0.5, requests, 'method', keys), '{{method}} p50'],
        [quantile(0.99, requests, 'method', keys), '{{method}} p99'],
      ],
      { unit: 's', min: 0 },
    ),
    graph(
      'Requests by node',
      'For keys.',
      [[`sum by (instance) (${rate(`${requests}_count`, keys)})`, '{{instance}}']],
      { unit: 'reqps', min: 0 },
    ),
    graph(
      'Connections, and requests in flight',
      'Of each node.',
      [
        [of('kvs_http_connections'), '{{instance}} connections'],
        [of('kvs_http_requests_in_flight'), '{{instance}} in flight'],
      ],
      { unit: 'none', min: 0 },
    ),
    graph(
      'Turned away',
      'Connections above KVS_MAX_CONNECTIONS, and requests that are no HTTP.',
      [
        [`sum by (instance) (${rate('kvs_http_connections_refused_total')})`, '{{instance}} refused'],
        [`sum by (instance, code) (${rate('kvs_http_unparsed_requests_total')})`, '{{instance}} {{code}}'],
      ],
      { unit: 'cps', min: 0 },
    ),
  ],
}
