export { forwarderMetrics } from './forwarder-metrics.ts'
export { httpMetrics } from './http-metrics.ts'
export { nodeMetrics } from './node-metrics.ts'
export { makeMetricsReader } from './reader.ts'
