import { spreadOf } from '../measure/stats.ts'
import type { Sample, SoakResult } from '../parts/soak.ts'
import { mebibytes, number, percent, ratio } from './text.ts'

export function describeSample({ at, rate, p50, p99, resident, heap, postgres, log, failures }: Sample): string {
  const minutes = `${Math.floor(at / 60)}:${String(Math.floor(at % 60)).padStart(2, '0')}`
  const bad = failures > 0 ? `, ${failures} FAILURES` : ''
  return (
    `  ${minutes.padStart(6)} ${number(rate)}/s, p50 ${number(p50)} ms, p99 ${number(p99)} ms${bad}; node ${mebibytes(resident)} ` +
    `(heap ${mebibytes(heap)}), Postgres ${mebibytes(postgres)}, log ${mebibytes(log)}`
  )
}

export interface SoakVerdict {
  readonly isFlat: boolean
  readonly sentence: string
}

/** How much more than in the second quarter the last one may take: the first is for what has to warm up and fill. */
const mostMemory = 1.1
const mostLatency = 1.25

export function judgeSoak({ samples, minutes }: Pick<SoakResult, 'samples' | 'minutes'>): SoakVerdict {
  const length = samples.length
  const [second, last] = [
    samples.slice(Math.floor(length / 4), Math.floor(length / 2)),
    samples.slice(Math.floor((3 * length) / 4)),
  ]
  const growth = (of: (sample: Sample) => number) => {
    const [before, after] = [spreadOf(second.map(of))?.median, spreadOf(last.map(of))?.median]
    return before === undefined || after === undefined ? Number.NaN : after / before
  }
  const memory = growth(({ resident }) => resident)
  const p99 = growth(({ p99 }) => p99)
  const failures = samples.reduce((sum, sample) => sum + sample.failures, 0)
  const isFlat = memory <= mostMemory && p99 <= mostLatency && failures === 0
  const peak = Math.max(...samples.map(({ resident }) => resident))
  return {
    isFlat,
    sentence:
      `${minutes} min: in the last quarter memory was ${ratio(memory)} and p99 ${ratio(p99)} of what they were in the second; ` +
      `at most ${mebibytes(peak)} resident, ${failures} requests failed. Flat is up to ${percent(mostMemory - 1)} more memory ` +
      `and ${percent(mostLatency - 1)} more p99: ${isFlat ? 'flat' : 'NOT FLAT'}`,
  }
}
