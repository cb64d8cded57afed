import { parsePosition, sequenceIn } from '../../../kvs/core/position.ts'
import { checkAcknowledged } from '../../sites-checker/acknowledged.ts'
import { checkCausality } from '../../sites-checker/causality.ts'
import { type Fact, makeFacts, newestOf } from '../../sites-checker/facts.ts'
import { checkLogs } from '../../sites-checker/logs.ts'
import { type SentOperation, type SiteOperation, words } from '../../sites-checker/operation.ts'
import { checkStatuses, completeAnswers, countLost, newestByKey } from './site-answers.ts'
import type { ReadLog } from './site-logs.ts'

/** What clients of sites saw, and what was there in the end. */
export interface SitesHistory {
  readonly operations: readonly SentOperation[]
  /** In the order of `SentOperation.site`. */
  readonly logs: readonly ReadLog[]
  readonly views: readonly NodeView[]
}

/** Each key's value as a node served it when all was well again; null for 404. */
export interface NodeView {
  readonly node: string
  readonly values: ReadonlyMap<string, string | null | undefined>
  /** What the node had of all logs, at least, when it was asked for a key, as it said itself. */
  readonly positions?: ReadonlyMap<string, string>
}

export interface SitesVerdict {
  readonly acknowledged: number
  readonly lost: number
  readonly torn: number
  readonly readsChecked: number
  readonly violations: readonly string[]
  readonly tally: string
}

/** Holds what clients saw and what nodes served in the end against the logs, and these against each other. */
export function judgeSites(history: SitesHistory): SitesVerdict {
  const { logs } = history
  const facts = makeFacts(logs.map((log, site) => ({ ...log, name: `site ${site + 1}`, state: 'member' })))
  const sent = history.operations.map((operation) => ({ ...operation, log: logs[operation.site]?.logId ?? '' }))
  const { operations, violations } = completeAnswers(sent, facts)
  const torn = operations.filter(({ outcome }) => outcome === 'torn').length
  const reads = operations.filter(({ kind, outcome }) => kind === 'get' && (outcome === 'ok' || outcome === 'torn'))
  return {
    acknowledged: operations.filter(({ kind, outcome }) => kind !== 'get' && outcome === 'ok').length,
    lost: countLost(operations, facts) + violations.length,
    torn,
    readsChecked: reads.length,
    violations: [
      ...violations,
      ...checkLogs(facts),
      ...checkSources(operations, facts),
      ...checkAcknowledged(operations, facts),
      ...checkCausality(operations, facts),
      ...checkStatuses(operations),
      ...checkViews(history.views, facts),
    ],
    tally: tallySites(operations, logs),
  }
}

/** Nothing is in a log, or is read, that no client has sent. */
function checkSources(operations: readonly SiteOperation[], facts: ReturnType<typeof makeFacts>): string[] {
  const sent = new Map(operations.flatMap((one) => (one.kind === 'put' ? [[one.value ?? '', one.key] as const] : [])))
  const strange = facts.all.filter(({ kind, value, key }) => kind === 'put' && sent.get(value ?? '') !== key)
  const unread = operations.filter(
    ({ kind, outcome, value, key }) =>
      kind === 'get' && outcome === 'ok' && typeof value === 'string' && sent.get(value) !== key,
  )
  const twice = new Set<string>()
  const repeated = facts.all.filter(({ kind, value = '' }) => {
    if (kind !== 'put' || !twice.has(value)) return twice.add(value) && false
    return true
  })
  return [
    ...strange.map((fact) => `${facts.words(fact)} is in a log, and no client has put it there`),
    ...unread.map((read) => `${words(read)} shows a value that no client has put there`),
    ...repeated.map((fact) => `${facts.words(fact)} was written twice`),
  ]
}

/** Every node shows the newest value of each key. */
function checkViews(views: readonly NodeView[], facts: ReturnType<typeof makeFacts>): string[] {
  const newest = newestByKey(facts, newestOf)
  const ended = newestByKey({ ...facts, all: facts.all.filter(({ isExpiry }) => !isExpiry) }, newestOf)
  return views.flatMap(({ node, values, positions }) =>
    [...values].flatMap(([key, value]) => {
      const fact = newest.get(key)
      if (value === (fact?.value ?? null) || (value === null && fact?.deadline !== undefined)) return []
      // Until it had the record that the key has ended, it was right to show the value that ended.
      if (fact?.isExpiry && value === ended.get(key)?.value && !has(positions?.get(key), fact)) return []
      return [`${node} shows ${value} at ${key} in the end, and the newest is ${facts.words(fact)}`]
    }),
  )
}

/** Whether a node that said that it was at a position had a fact; true where it said nothing. */
function has(text: string | undefined, { origin, sequence }: Fact): boolean {
  const position = text === undefined ? undefined : parsePosition(text)
  return position === undefined || sequenceIn(position, origin) >= BigInt(sequence)
}

const count = (number: number) => number.toLocaleString('en-US')

/** Counts what happened, in a sentence: what did not happen was not tested. */
function tallySites(operations: readonly SiteOperation[], logs: readonly ReadLog[]): string {
  const of = (test: (operation: SiteOperation) => boolean) => count(operations.filter(test).length)
  const lengths = logs.map(({ entries }) => count(entries.filter(({ origin }) => origin === undefined).length))
  const superseded = logs.map(({ entries }) => count(entries.filter((entry) => entry.superseded).length))
  return (
    `${of(({ token, outcome }) => !!token && outcome === 'ok')} answers were to a token, ` +
    `${of(({ heard }) => heard !== undefined)} after a token of another client; ` +
    `${of(({ error }) => error === 'behind')} were behind, ${of(({ status }) => status === 202)} writes spooled, ` +
    `${of(({ outcome, kind }) => outcome === 'failed' && kind !== 'get')} refused, ${of(({ outcome }) => outcome === 'unknown')} left open; ` +
    `${of(({ kind, seen }) => kind === 'get' && seen !== undefined)} reads are known to be of one state of their log; ` +
    `the sites wrote ${lengths.join(', ')} entries, and have ${superseded.join(', ')} superseded`
  )
}
