import { ownerOf } from '../../../kvs/core/ring/description.ts'
import { slotOf } from '../../../kvs/core/ring/key-slot.ts'
import { checkAgainstLog } from '../checker/against-log.ts'
import { withLapsesAsDeletes } from '../checker/lifetimes.ts'
import { checkLinearizable, type SearchLimits } from '../checker/linearizable.ts'
import { asOneRegister } from '../checker/one-register.ts'
import { describe, named, quoted } from '../checker/words.ts'
import type { LogEntry, Operation } from '../history.ts'
import { checkCounters } from './counters.ts'
import { type MergedLog, mergeLogs } from './merged-log.ts'
import { readOwnership } from './ownership.ts'
import { isCounter, type RingHistory, type RingLog, type RingOperation } from './ring-history.ts'
import { checkSpooledWrites, withoutSpooledAnswers } from './spooled-writes.ts'

export interface RingVerdict {
  readonly acknowledged: number
  readonly lost: number
  readonly torn: number
  readonly readsChecked: number
  readonly violations: readonly string[]
  readonly tally: string
  /** All logs as one. */
  readonly log: readonly LogEntry[]
}

/**
 * Holds what clients saw against all logs, and these against each other: each acknowledged write is once in the log
 * that owned its key, what moved is the same at its next owner, every key is at its owner in the end and nowhere else,
 * and each key is one register throughout, whoever owned it.
 */
export function judgeRing(history: RingHistory, limits: SearchLimits = {}): RingVerdict {
  const { logs, additions } = history
  const ownership = readOwnership(logs)
  const merged = mergeLogs(logs, ownership)
  const found: string[] = []
  const report = (sentence: string) => void found.push(sentence)
  const named = nameEntries(history.operations, merged, report)
  checkTags(named, report)
  const spooled = checkSpooledWrites(named, merged, ownership, report)
  const operations = withoutSpooledAnswers(named)

  const log = merged.entries.filter(({ key }) => !isCounter(key))
  const renumbered = renumber(log, operations)
  const views = history.views.map(({ values }) => values)
  const findings = checkAgainstLog({ ...renumbered, views, faults: [] })
  const together = asOneRegister(operations.map((one) => (one.kind === 'get' ? { ...one, isConsistent: true } : one)))
  const disorder = checkLinearizable(withLapsesAsDeletes(together), limits).flatMap((key) =>
    key.verdict === 'ok' ? [] : key.explanation,
  )
  checkConditions(operations, merged, report)
  checkRepetitions(history, report)
  checkEnd(history, merged, report)
  const counters = checkCounters(additions, merged, isCounter)
  const acknowledged = [...history.operations, ...additions].filter(
    ({ kind, outcome }) => kind !== 'get' && outcome === 'ok',
  )
  const places = (sentence: string) => withPlaces(sentence, (number) => merged.placeOf(renumbered.originalOf(number)))
  return {
    acknowledged: acknowledged.length,
    lost: findings.lost + spooled.lost + counters.lost,
    torn: findings.torn,
    readsChecked: findings.readsChecked,
    violations: [
      ...merged.violations,
      ...found,
      ...findings.violations.map(places),
      ...disorder,
      ...counters.violations,
    ],
    tally: tallyRing(history, merged, spooled),
    log: merged.entries,
  }
}

/** Gives each answer the sequence that its tag has in all logs together. */
function nameEntries(
  operations: readonly RingOperation[],
  { sequenceOf }: MergedLog,
  report: (sentence: string) => void,
): RingOperation[] {
  return operations.map((operation) => {
    const { tag, ifMatch, sequence: _, ...rest } = operation
    const sequence = tag === undefined ? undefined : sequenceOf(tag)
    if (tag !== undefined && sequence === undefined) {
      report(`key ${quoted(operation.key)}: ${describe(operation)} has the ETag ${tag}, which no log has`)
    }
    // What nobody has written is no state of the key.
    const condition = ifMatch === undefined ? operation.condition : (sequenceOf(ifMatch) ?? -1)
    return {
      ...rest,
      ...(tag !== undefined && { tag }),
      ...(sequence !== undefined && { sequence }),
      ...(condition !== undefined && { condition }),
    }
  })
}

/** Every PUT that was stored was told its ETag, and so was every read of a value. */
function checkTags(operations: readonly RingOperation[], report: (sentence: string) => void): void {
  for (const operation of operations) {
    const { kind, outcome, status, isSpooled, tag, value, key } = operation
    if (outcome !== 'ok' || isSpooled || status === 202 || tag !== undefined) continue
    if (kind === 'put' || (kind === 'get' && typeof value === 'string')) {
      report(`key ${quoted(key)}: ${describe(operation)} has no ETag`)
    }
  }
}

/** The log without counters, again with sequences from 1 on, and the operations by these. */
function renumber(log: readonly LogEntry[], operations: readonly RingOperation[]) {
  const numbers = new Map(log.map(({ sequence }, index) => [sequence, index + 1]))
  return {
    log: log.map((entry, index) => ({ ...entry, sequence: index + 1 })),
    operations: operations.map((operation): Operation => {
      const { sequence, ...rest } = operation
      const number = sequence === undefined ? undefined : numbers.get(sequence)
      return { ...rest, ...(number !== undefined && { sequence: number }) }
    }),
    originalOf: (number: number) => log[number - 1]?.sequence ?? 0,
  }
}

function withPlaces(sentence: string, placeOf: (number: number) => string | undefined): string {
  return sentence.replaceAll(/\bentry (\d+)\b/g, (text, digits) => placeOf(Number(digits)) ?? text)
}

/** What landed under a condition found it right before its entry, whether or not it was answered. */
function checkConditions(operations: readonly RingOperation[], merged: MergedLog, report: (s: string) => void): void {
  const before = new Map<string, LogEntry | undefined>()
  const last = new Map<string, LogEntry>()
  for (const entry of merged.entries) {
    if (entry.kind === 'put' && entry.value !== undefined) before.set(entry.value, last.get(entry.key))
    last.set(entry.key, entry)
  }
  for (const put of operations) {
    const { kind, condition, value, key } = put
    if (kind !== 'put' || condition === undefined || typeof value !== 'string' || !before.has(value)) continue
    const state = before.get(value)
    const current = state?.kind === 'put' ? state.sequence : undefined
    const holds = condition === 'absent' ? current === undefined : condition === 'present' || current === condition
    // What has a deadline may have ended, without an entry that says so.
    if (holds || (condition === 'absent' && state?.deadline !== undefined)) continue
    const is = current === undefined ? 'nothing' : named(state?.value)
    report(`key ${quoted(key)}: ${describe(put)} landed under a condition, and the key had ${is} then`)
  }
}

/** A request that is repeated under its Idempotency-Key has the answer that it had first, wherever its key has gone. */
function checkRepetitions({ repetitions }: RingHistory, report: (sentence: string) => void): void {
  for (const { of, node, status, tag } of repetitions) {
    if (status === 0 || status === 503) continue
    if (status === of.status && tag === of.tag) continue
    const told = `${status} ${tag ?? 'without an ETag'}`
    const first = `${of.status} ${of.tag ?? 'without an ETag'}`
    report(`key ${quoted(of.key)}: ${describe(of)} was repeated at ${node}, and got ${told} instead of ${first}`)
  }
}

/** In the end no change is under way, all go by one version, and each node lists the keys that it owns, all of them. */
function checkEnd({ logs, views }: RingHistory, merged: MergedLog, report: (sentence: string) => void): void {
  const newest = logs.map((log) => ({ log, ring: newestRing(log) }))
  const latest = Math.max(0, ...newest.map(({ ring }) => ring?.version ?? 0))
  for (const { log, ring } of newest) {
    if (ring === undefined) report(`${log.member} has no entry on the ring`)
    else if (ring.next !== undefined) report(`${log.member} has a change under way in the end`)
    else if (ring.version !== latest)
      report(`${log.member} is at version ${ring.version}, and another log at ${latest}`)
  }
  const positions = newest.find(({ ring }) => ring?.version === latest)?.ring?.positions
  if (positions === undefined) return
  for (const { node, own } of views) {
    const address = logs.find(({ member }) => member === node)?.address
    const listed = new Set(own)
    for (const key of own) {
      if (ownerOf(positions, slotOf(key)) !== address) report(`${node} lists ${quoted(key)}, which is not its own`)
      // It may have ended between the list and the reading of the logs.
      else if (!merged.current.has(key) && !merged.ended.has(key)) {
        report(`${node} lists ${quoted(key)}, which the logs do not have`)
      }
    }
    for (const [key, { deadline }] of merged.current) {
      const isMissing = ownerOf(positions, slotOf(key)) === address && !listed.has(key) && deadline === undefined
      if (isMissing) report(`${node} does not list ${quoted(key)}, which is its own`)
    }
  }
}

function newestRing({ entries }: RingLog) {
  return entries.findLast(({ ring }) => ring !== undefined)?.ring?.ring
}

const count = (number: number) => number.toLocaleString('en-US')

/** Counts what happened, in a sentence: what did not happen was not tested. */
function tallyRing(
  { operations, additions, repetitions, logs }: RingHistory,
  { moved }: MergedLog,
  spooled: { readonly passedOver: number },
): string {
  const of = (test: (operation: RingOperation) => boolean) => count(operations.filter(test).length)
  const rings = logs.flatMap((log) => newestRing(log) ?? [])
  const versions = Math.max(0, ...rings.map(({ version }) => version))
  const added = additions.filter(({ outcome }) => outcome === 'ok')
  const copies = logs.flatMap(({ entries }) => entries).filter(({ earlier, kind }) => earlier && kind === 'put')
  return (
    `the ring came to version ${versions}; keys came to another owner ${count(moved)} times, by ${count(copies.length)} copies; ` +
    `${of(({ condition, outcome }) => condition !== undefined && outcome === 'ok')} conditional writes landed, ` +
    `${of(({ status }) => status === 412)} were refused; ` +
    `${of(({ tries = 1 }) => tries > 1)} writes were asked for again without an answer, ${count(repetitions.length)} after one; ` +
    `${count(added.length)} additions; ${of(({ status, kind }) => status === 202 && kind !== 'get')} writes were spooled, ` +
    `${count(spooled.passedOver)} of them superseded; ${of(({ outcome, kind }) => outcome === 'unknown' && kind !== 'get')} left open`
  )
}
