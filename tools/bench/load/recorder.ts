import { type Latency, latencyOf } from '../measure/stats.ts'

/** What came back in a stretch of time; latencies in milliseconds. */
export interface Window {
  /** When it ended, in seconds since the start. */
  readonly at: number
  readonly latency: Latency
  /** Of the generator itself: how late it sent what it could have sent. */
  readonly lag: Latency
  readonly failures: number
}

export interface Recorder {
  answer(milliseconds: number, isGood: boolean): void
  lag(milliseconds: number): void
  /** What came since the last cut. */
  cut(at: number): Window
  whole(at: number): Window
}

export function makeRecorder(): Recorder {
  const latencies = makeSeries()
  const lags = makeSeries()
  let failures = 0
  let from = { latencies: 0, lags: 0, failures: 0 }

  return {
    answer(milliseconds, isGood) {
      latencies.add(milliseconds)
      if (!isGood) failures++
    },
    lag: lags.add,
    cut(at) {
      const window = {
        at,
        latency: latencyOf(latencies.since(from.latencies)),
        lag: latencyOf(lags.since(from.lags)),
        failures: failures - from.failures,
      }
      from = { latencies: latencies.length, lags: lags.length, failures }
      return window
    },
    whole: (at) => ({ at, latency: latencyOf(latencies.since(0)), lag: latencyOf(lags.since(0)), failures }),
  }
}

/** Numbers in one typed array that grows: an array of a million of them would be the collector's work, and a pause. */
function makeSeries() {
  let values = new Float64Array(1 << 16)
  let length = 0
  return {
    add(value: number) {
      if (length === values.length) {
        const larger = new Float64Array(2 * length)
        larger.set(values)
        values = larger
      }
      values[length++] = value
    },
    get length() {
      return length
    },
    since: (index: number) => values.slice(index, length),
  }
}
