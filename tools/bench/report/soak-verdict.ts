import { percentile, spreadOf } from '../measure/stats.ts'
import type { Sample, SoakResult } from '../parts/soak.ts'
import { mebibytes, number, percent, ratio } from './text.ts'

export function describeSample(sample: Sample): string {
  const { at, rate, p50, p99, cpu, resident, heap, postgres, log, failures, stolen, work } = sample
  const minutes = `${Math.floor(at / 60)}:${String(Math.floor(at % 60)).padStart(2, '0')}`
  const bad = failures > 0 ? `, ${failures} FAILURES` : ''
  return (
    `  ${minutes.padStart(6)} ${number(rate)}/s, p50 ${number(p50)} ms, p99 ${number(p99)} ms${bad}; node ${number(cpu)} µs a request, ${mebibytes(resident)} ` +
    `(heap ${mebibytes(heap)}), Postgres ${mebibytes(postgres)}, log ${mebibytes(log)}; machine ${number(work)} ms, ${percent(stolen)} stolen`
  )
}

export interface SoakVerdict {
  readonly isFlat: boolean
  readonly sentence: string
}

/** Most growth from the second quarter to the last; in the first, caches warm up and fill. */
const mostMemory = 1.1
const mostLatency = 1.25
/**
 * Beyond these a stretch tells of the machine: how much longer a fixed piece of work takes than in its best quarter,
 * and what the host took.
 */
const mostWork = 1.2
const mostStolen = 0.02

export function judgeSoak({ samples, minutes }: Pick<SoakResult, 'samples' | 'minutes'>): SoakVerdict {
  const length = samples.length
  const quarter = (number: number) =>
    samples.slice(Math.floor(((number - 1) * length) / 4), Math.floor((number * length) / 4))
  const work = samples.map((sample) => sample.work).sort((a, b) => a - b)
  const isUndisturbed = (sample: Sample) =>
    sample.work <= mostWork * percentile(work, 0.25) && sample.stolen <= mostStolen
  const growth = (of: (sample: Sample) => number, counts: (sample: Sample) => boolean = () => true) => {
    const [before, after] = [2, 4].map((number) => spreadOf(quarter(number).filter(counts).map(of))?.median)
    return before === undefined || after === undefined ? Number.NaN : after / before
  }
  const memory = growth(({ resident }) => resident)
  const p99 = growth((sample) => sample.p99, isUndisturbed)
  const failures = samples.reduce((sum, sample) => sum + sample.failures, 0)
  const isFlat = memory <= mostMemory && p99 <= mostLatency && failures === 0
  const peak = Math.max(...samples.map(({ resident }) => resident))
  const left = [2, 4].map((number) => quarter(number).filter(isUndisturbed).length)
  return {
    isFlat,
    sentence:
      `${minutes} min: in the last quarter memory was ${ratio(memory)}, p99 ${ratio(p99)} and CPU time a request ` +
      `${ratio(growth(({ cpu }) => cpu, isUndisturbed))} of what they were in the second; at most ${mebibytes(peak)} resident, ${failures} requests failed. ` +
      `Flat is up to ${percent(mostMemory - 1)} more memory and ${percent(mostLatency - 1)} more p99: ${isFlat ? 'flat' : 'NOT FLAT'}. ` +
      `Latency counts where the machine was not disturbed (a fixed piece of work takes up to ${mostWork} × of its best quarter, the host takes up to ${percent(mostStolen)}): ` +
      `${left[0]} and ${left[1]} of ${quarter(2).length} stretches; over all of them p99 was ${ratio(growth((sample) => sample.p99))}.`,
  }
}
