import type { ReadMetrics } from '../http/metrics.ts'
import type { Metric } from './metric.ts'

/** Loads prom-client when it is asked for the first time: that takes 0.1 s and 20 MB, which a node that nobody watches does without. */
export function makeMetricsReader(metrics: readonly Metric[]): ReadMetrics {
  const loading = () => import('./registry.ts').then(({ makeRegistry }) => makeRegistry(metrics))
  let registry: ReturnType<typeof loading> | undefined

  return async () => {
    registry ??= loading()
    const loaded = await registry
    return { type: loaded.contentType, text: await loaded.metrics() }
  }
}
