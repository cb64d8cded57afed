import type { ReadMetrics } from '../http/api/index.ts'
import type { Metric } from './metric.ts'
import { makeRegistry } from './registry.ts'

/**
 * Returns a function that renders the metrics. After a failure, such as a lack of file descriptors, the next call tries
 * again.
 */
export function makeMetricsReader(metrics: readonly Metric[]): ReadMetrics {
  let registry: ReturnType<typeof makeRegistry> | undefined

  return async () => {
    registry ??= makeRegistry(metrics)
    return { type: registry.contentType, text: await registry.metrics() }
  }
}
