import type { Histogram } from '../lib/histogram.ts'

/** One metric, read from where it is counted when somebody asks for it: counting knows nothing of this. */
export type Metric = NumberMetric | HistogramMetric

interface Described {
  readonly name: string
  readonly help: string
}

interface NumberMetric extends Described {
  readonly type: 'gauge' | 'counter'
  /** Undefined as long as it is not known; then there is no sample. */
  readonly read: () => number | undefined | readonly Labelled<number>[]
}

interface HistogramMetric extends Described {
  readonly type: 'histogram'
  readonly read: () => Histogram | readonly Labelled<Histogram>[]
}

/** Labels take few values, which this program decides on; never a key, or anything else that a client has sent. */
export interface Labelled<Value> {
  readonly labels: Readonly<Record<string, string>>
  readonly value: Value
}
