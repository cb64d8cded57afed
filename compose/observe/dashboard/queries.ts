// Queries for the nodes that are selected at the top of the dashboard.

export const of = (metric: string, matchers = '') =>
  `${metric}{job="kvs", instance=~"$instance"${matchers && `, ${matchers}`}}`
export const rate = (metric: string, matchers = '') => `rate(${of(metric, matchers)}[$__rate_interval])`

export const requests = 'kvs_http_request_duration_seconds'
export const keys = 'route=~"/v1/.*|/kvs/.*"'
export const quantile = (q: number, histogram: string, by: string, matchers = '') =>
  `histogram_quantile(${q}, sum by (${['le', by].filter(Boolean).join(', ')}) (${rate(`${histogram}_bucket`, matchers)}))`
