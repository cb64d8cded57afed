import { roundUp } from '../../lab/round-numbers.ts'
import type { Operation } from '../history.ts'

/** Kinds of answers, from the bottom of a bar to its top. */
export const kinds = ['done', 'spooled', 'refused', 'open', 'torn'] as const
export type Kind = (typeof kinds)[number]

/** Answers in one stretch of time. */
export interface Bucket {
  readonly from: number
  readonly counts: Record<Kind, number>
  /** Latencies of what was done or spooled, in milliseconds; absent if nothing was. */
  readonly latency: { readonly shortest: number; readonly median: number; readonly longest: number } | undefined
}

export interface Buckets {
  /** Length of each bucket in milliseconds. */
  readonly length: number
  readonly all: readonly Bucket[]
}

const mostBuckets = 200

/** Sorts operations into at most 200 buckets, by the time at which the answer came or the client gave up. */
export function fillBuckets(operations: readonly Operation[], duration: number): Buckets {
  const length = Math.max(10, roundUp(duration / mostBuckets))
  const sorted: Operation[][] = Array.from({ length: Math.max(1, Math.ceil(duration / length)) }, () => [])
  for (const operation of operations) {
    const index = Math.min(Math.max(Math.floor(operation.returned / length), 0), sorted.length - 1)
    sorted[index]?.push(operation)
  }
  return { length, all: sorted.map((bucket, index) => summarize(bucket, index * length)) }
}

function summarize(operations: readonly Operation[], from: number): Bucket {
  const counts = { done: 0, spooled: 0, refused: 0, open: 0, torn: 0 }
  for (const operation of operations) counts[kindOf(operation)]++
  const latencies = operations
    .filter((operation) => operation.outcome === 'ok')
    .map(({ invoked, returned }) => returned - invoked)
    .sort((a, b) => a - b)
  const [shortest, median, longest] = [latencies[0], latencies[latencies.length >> 1], latencies.at(-1)]
  if (shortest === undefined || median === undefined || longest === undefined)
    return { from, counts, latency: undefined }
  return { from, counts, latency: { shortest, median, longest } }
}

function kindOf({ outcome, status }: Operation): Kind {
  if (outcome === 'torn') return 'torn'
  if (outcome === 'failed') return 'refused'
  if (outcome === 'unknown') return 'open'
  return status === 202 ? 'spooled' : 'done'
}
