import { type Latency, latencyOf } from '../measure/stats.ts'

/** Answers in a stretch of time; latencies in milliseconds. */
export interface Window {
  /** End of the stretch in seconds since the start. */
  readonly at: number
  readonly latency: Latency
  /** How late the generator sent what it could have sent. */
  readonly lag: Latency
  readonly failures: number
}

export interface Recorder {
  answer(milliseconds: number, isGood: boolean): void
  lag(milliseconds: number): void
  /** Returns what came since the last cut. */
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

/** Numbers in a typed array that grows: a million of them in an array would cost a pause for garbage collection. */
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
