import type { Histogram } from '../lib/histogram.ts'

/**
 * One metric. Its value is read from the part that counts it when somebody asks for the metrics, so that parts only
 * count.
 */
export type Metric = NumberMetric | HistogramMetric

interface Description {
  readonly name: string
  readonly help: string
}

interface NumberMetric extends Description {
  readonly type: 'gauge' | 'counter'
  /** Returns undefined while the value is not known: the metric then has no sample. */
  readonly read: () => number | undefined | readonly Labelled<number>[]
}

interface HistogramMetric extends Description {
  readonly type: 'histogram'
  readonly read: () => Histogram | readonly Labelled<Histogram>[]
}

/**
 * A sample with its labels. A label must have few values, all chosen by this program: never a key or anything else from
 * a client.
 */
export interface Labelled<Value> {
  readonly labels: Readonly<Record<string, string>>
  readonly value: Value
}
