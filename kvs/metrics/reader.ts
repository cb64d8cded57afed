import type { ReadMetrics } from '../http/api/index.ts'
import type { Metric } from './metric.ts'
import { makeRegistry } from './registry.ts'

/** What fails for want of file descriptors, the loading of prom-client among it, is tried again at the next reading. */
export function makeMetricsReader(metrics: readonly Metric[]): ReadMetrics {
  let registry: ReturnType<typeof makeRegistry> | undefined

  return async () => {
    registry ??= makeRegistry(metrics)
    return { type: registry.contentType, text: await registry.metrics() }
  }
}
