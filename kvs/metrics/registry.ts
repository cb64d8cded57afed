import { createRequire } from 'node:module'
import type { Metric as Registered, Registry } from 'prom-client'
import type { Histogram } from '../lib/histogram.ts'
import type { Metric } from './metric.ts'

/** A sample as prom-client renders it. */
interface Sample {
  /** Name of the sample; undefined for the metric's own name. */
  readonly metricName?: string
  readonly labels: Readonly<Record<string, string | number>>
  readonly value: number
}

const require = createRequire(import.meta.url)

/**
 * Loads prom-client on first use: it takes 0.1 s and 20 MB, which a node without a scraper need not spend. `require`
 * can be repeated after a failure; an `import` that failed once, for lack of file descriptors, would fail for ever.
 */
function loadClient(): typeof import('prom-client') {
  return require('prom-client')
}

/**
 * Makes a registry with these metrics and prom-client's metrics of the process. It is not prom-client's global one, so
 * that several nodes can run in one process.
 */
export function makeRegistry(metrics: readonly Metric[]): Registry {
  const { collectDefaultMetrics, Registry } = loadClient()
  const registry = new Registry()
  for (const metric of metrics) {
    const { name, help, type } = metric
    const get = async () => ({ name, help, type, aggregator: 'sum', values: readSamples(metric) })
    // A registry needs only these two fields. prom-client's own classes would count again, at 0.3 µs for each request.
    registry.registerMetric({ name, get } as unknown as Registered)
  }
  collectDefaultMetrics({ register: registry })
  return registry
}

function readSamples(metric: Metric): Sample[] {
  if (metric.type === 'histogram') {
    const read = metric.read()
    const all = 'bounds' in read ? [{ labels: {}, value: read }] : read
    return all.flatMap(({ labels, value }) => histogramSamples(metric.name, labels, value))
  }
  const read = metric.read()
  if (read === undefined) return []
  return typeof read === 'number' ? [{ labels: {}, value: read }] : [...read]
}

/** Buckets are cumulative: each also counts the values of those below it. */
function histogramSamples(name: string, labels: Sample['labels'], { bounds, counts, sum }: Histogram): Sample[] {
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
