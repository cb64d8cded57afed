import { percent } from './text.ts'

/** A row of the table of targets. */
export interface Verdict {
  readonly what: string
  readonly target: string
  readonly measured: string
  /** Measured value; undefined if it was not measured. */
  readonly isMet: boolean | undefined
  /** By how much the target was missed, if it was. */
  readonly missedBy?: string
}

export function verdictText({ isMet, missedBy }: Verdict): string {
  if (isMet === undefined) return 'not measured'
  return isMet ? 'met' : `missed by ${missedBy}`
}

type Judged = Pick<Verdict, 'isMet' | 'missedBy'>

/** Judges a number that is to be at least, or at most, another. */
export function judge(value: number | undefined, bound: { atLeast: number } | { atMost: number }): Judged {
  if (value === undefined || !Number.isFinite(value)) return { isMet: undefined }
  const [isMet, limit] =
    'atLeast' in bound ? [value >= bound.atLeast, bound.atLeast] : [value <= bound.atMost, bound.atMost]
  return isMet ? { isMet } : { isMet, missedBy: percent(Math.max(Math.abs(value - limit) / limit, 0.005)) }
}
