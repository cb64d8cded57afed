import type { Operation } from '../history.ts'
import { describe, quoted } from './words.ts'

/** Numbers of a key's states: the values that were read have numbers from 1 on, in the order of their puts. */
export const absent = 0

export interface RegisterOperation extends Operation {
  /** Value that an acknowledged write must find: null for none, undefined for any. */
  readonly replaces?: string | null
}

/** An operation that has one place in the order, between two times in milliseconds. */
export interface Step {
  readonly operation: Operation
  readonly writes: boolean
  /** State that a write leaves or a read saw. */
  readonly state: number
  /** State that a write must find. */
  readonly needs?: number
  readonly from: number
  readonly until: number
}

/** Operations of one key that can matter for their order. */
export interface Register {
  /** Steps in the order in which they may begin. */
  readonly steps: readonly Step[]
  /**
   * Invocation times of deletes of unknown outcome, ascending. Such a delete may take effect at any later time, or
   * never.
   */
  readonly unknownDeletes: readonly number[]
  /** Number of steps that have to find each state. */
  readonly reads: readonly number[]
}

/**
 * What is left out, and why that is sound: reads without an answer say nothing; writes that failed have no effect; a
 * put of unknown outcome that nobody read can be taken out of any order that has it, as the next write covers it. A
 * delete of unknown outcome is another matter: what it leaves looks like what any other delete leaves, so it can only
 * be left out where no read of nothing ended after it was invoked.
 *
 * A value is put once, so a put must come before the first read of it has returned, and each read after the put was
 * invoked; a put whose outcome is unknown is thereby as certain as any other. A write that had to find a value has read
 * it.
 *
 * @returns the sentence, where a single read cannot be explained by any order
 */
export function readRegister(operations: readonly RegisterOperation[]): Register | string {
  const puts = new Map<string, Operation>()
  for (const operation of operations) {
    const { kind, value } = operation
    if (kind !== 'put') continue
    if (typeof value !== 'string') return `${describe(operation)} lacks the id of its value`
    if (puts.has(value)) return `the value ${quoted(value)} was put twice; only unique values can be checked`
    puts.set(value, operation)
  }
  const firstReturn = new Map<string, number>()
  for (const operation of operations) {
    const { returned, outcome } = operation
    const value = foundBy(operation)
    if (outcome !== 'ok' || typeof value !== 'string') continue
    const put = puts.get(value)
    if (put === undefined) return `${describe(operation)} shows a value that nobody put there`
    if (put.outcome === 'failed') return `${describe(operation)} shows what failed: ${describe(put)}`
    if (put.invoked > returned) return `${describe(operation)} comes from the future: ${describe(put)}`
    firstReturn.set(value, Math.min(returned, firstReturn.get(value) ?? returned))
  }
  return arrange(operations, puts, firstReturn)
}

/** Returns undefined if any state will do. */
function foundBy({ kind, value, replaces }: RegisterOperation): string | null | undefined {
  return kind === 'get' ? value : replaces
}

function arrange(
  operations: readonly RegisterOperation[],
  puts: ReadonlyMap<string | null | undefined, Operation>,
  firstReturn: ReadonlyMap<string | null | undefined, number>,
): Register {
  const states = new Map([...puts.keys()].map((value, index) => [value, index + 1]))
  const reads = new Array<number>(puts.size + 1).fill(0)
  const steps: Step[] = []
  const unknownDeletes: number[] = []
  let lastReadOfNothing = Number.NEGATIVE_INFINITY

  for (const operation of operations) {
    const { kind, value, outcome, invoked, returned } = operation
    const state = states.get(value) ?? absent
    const end = outcome === 'ok' ? returned : Number.POSITIVE_INFINITY
    const found = outcome === 'ok' ? foundBy(operation) : undefined
    const from = Math.max(invoked, puts.get(found)?.invoked ?? invoked)
    const needs = kind !== 'get' && found !== undefined ? { needs: states.get(found) ?? absent } : {}
    if (needs.needs !== undefined) reads[needs.needs] = (reads[needs.needs] ?? 0) + 1
    if (kind === 'put') {
      const until = Math.min(end, firstReturn.get(value) ?? end)
      if (outcome === 'ok' || (outcome === 'unknown' && firstReturn.has(value))) {
        steps.push({ operation, writes: true, state, ...needs, from, until })
      }
    } else if (kind === 'delete') {
      if (outcome === 'ok') steps.push({ operation, writes: true, state: absent, ...needs, from, until: end })
      else if (outcome === 'unknown') unknownDeletes.push(invoked)
    } else if (outcome === 'ok') {
      steps.push({ operation, writes: false, state, from, until: end })
      reads[state] = (reads[state] ?? 0) + 1
    }
    if (outcome === 'ok' && found === null) lastReadOfNothing = Math.max(lastReadOfNothing, returned)
  }
  return {
    steps: steps.sort((a, b) => a.from - b.from),
    unknownDeletes: unknownDeletes.filter((invoked) => invoked <= lastReadOfNothing).sort((a, b) => a - b),
    reads,
  }
}
