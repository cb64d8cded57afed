import { makeFloor } from '../checker/log-index.ts'
import { describe } from '../checker/words.ts'
import type { LogEntry } from '../history.ts'
import type { MergedLog } from './merged-log.ts'
import type { RingAddition } from './ring-history.ts'

/**
 * Each counter goes 1, 2, 3 …, in the order in which additions followed each other, and each acknowledged one is
 * there once: one that was done twice makes the counter larger than all that was asked for.
 */
export function checkCounters(
  additions: readonly RingAddition[],
  merged: Pick<MergedLog, 'entries' | 'sequenceOf'>,
  ofCounter: (key: string) => boolean,
): { readonly lost: number; readonly violations: string[] } {
  const violations: string[] = []
  let lost = 0
  const entriesOf = Map.groupBy(
    merged.entries.filter(({ key }) => ofCounter(key)),
    ({ key }) => key,
  )
  const asked = Map.groupBy(additions, ({ key }) => key)
  for (const key of new Set([...entriesOf.keys(), ...asked.keys()])) {
    const report = (sentence: string) => void violations.push(`counter ${key}: ${sentence}`)
    const [entries, ofKey] = [entriesOf.get(key) ?? [], asked.get(key) ?? []]
    checkSums(entries, report)
    const acknowledged = ofKey.filter(({ outcome }) => outcome === 'ok')
    const unknown = ofKey.filter(({ outcome }) => outcome === 'unknown')
    if (entries.length > acknowledged.length + unknown.length) {
      const most = `${acknowledged.length} acknowledged and ${unknown.length} left open`
      report(`${entries.length} additions are in the logs, of ${most}`)
    }
    lost += Math.max(0, acknowledged.length - entries.length)
    checkAnswers(acknowledged, entries, merged, report)
  }
  return { lost, violations }
}

type Report = (sentence: string) => void

function checkSums(entries: readonly LogEntry[], report: Report): void {
  entries.forEach(({ value, kind, sequence }, index) => {
    if (kind !== 'put' || value !== String(index + 1)) report(`entry ${sequence} has ${value}, not ${index + 1}`)
  })
}

function checkAnswers(
  acknowledged: readonly RingAddition[],
  entries: readonly LogEntry[],
  { sequenceOf }: Pick<MergedLog, 'sequenceOf'>,
  report: Report,
): void {
  const bySequence = new Map(entries.map((entry) => [entry.sequence, entry]))
  const claimed = new Set<number>()
  const floor = makeFloor(acknowledged, ({ value }) => Number(value))
  for (const addition of acknowledged) {
    const { tag, value, invoked } = addition
    const sequence = sequenceOf(tag ?? '')
    const entry = sequence === undefined ? undefined : bySequence.get(sequence)
    if (entry === undefined) report(`${describe(addition)} was acknowledged with ${tag}, which no log has`)
    else if (entry.value !== value) report(`${describe(addition)} was told ${value}, and its entry has ${entry.value}`)
    if (sequence !== undefined && claimed.has(sequence)) report(`${describe(addition)} has the entry of another one`)
    if (sequence !== undefined) claimed.add(sequence)
    if (Number(value) <= floor(invoked)) report(`${describe(addition)} gives ${value}, after ${floor(invoked)}`)
  }
}
