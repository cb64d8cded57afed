import { createRequire } from 'node:module'
import type { Metric as Registered, Registry } from 'prom-client'
import type { Histogram } from '../lib/histogram.ts'
import type { Metric } from './metric.ts'

interface Sample {
  readonly metricName?: string
  readonly labels: Readonly<Record<string, string | number>>
  readonly value: number
}

const require = createRequire(import.meta.url)

/**
 * Loads prom-client when it is needed for the first time: that takes 0.1 s and 20 MB, which a node that nobody watches does
 * without. An `import` that has failed halfway, where there were no file descriptors left, would fail for ever.
 */
function loadClient(): typeof import('prom-client') {
  return require('prom-client')
}

/** A registry of its own, so that several nodes can live in one process, with what prom-client tells of the process. */
export function makeRegistry(metrics: readonly Metric[]): Registry {
  const { collectDefaultMetrics, Registry } = loadClient()
  const registry = new Registry()
  for (const metric of metrics) {
    const { name, help, type } = metric
    const get = async () => ({ name, help, type, aggregator: 'sum', values: samplesOf(metric) })
    // Of a metric a registry asks no more than this. prom-client's own count by themselves, a request's histogram for 0.3 µs.
    registry.registerMetric({ name, get } as unknown as Registered)
  }
  collectDefaultMetrics({ register: registry })
  return registry
}

function samplesOf(metric: Metric): Sample[] {
  if (metric.type === 'histogram') {
    const read = metric.read()
    const all = 'bounds' in read ? [{ labels: {}, value: read }] : read
    return all.flatMap(({ labels, value }) => bucketsOf(metric.name, labels, value))
  }
  const read = metric.read()
  if (read === undefined) return []
  return typeof read === 'number' ? [{ labels: {}, value: read }] : [...read]
}

/** Each bucket also counts what is in those below it. */
function bucketsOf(name: string, labels: Sample['labels'], { bounds, counts, sum }: Histogram): Sample[] {
  let count = 0
  const buckets = Array.from(counts, (more, index) => {
    count += more
    return { metricName: `${name}_bucket`, labels: { le: bounds[index] ?? '+Inf', ...labels }, value: count }
  })
  return [
    ...buckets,
    { metricName: `${name}_sum`, labels, value: sum },
    { metricName: `${name}_count`, labels, value: count },
  ]
}
