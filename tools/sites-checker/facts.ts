import { formatPosition, type Position } from '../../kvs/core/position.ts'
import { outranks } from '../../kvs/core/rank.ts'
import type { StoredEntry } from '../../kvs/log/memory/index.ts'
import { readValue } from '../drill/workload/value.ts'
import { type LogStates, makeLogStates } from './log-states.ts'

/** An entry of a log, as far as the logs of sites are held against each other. */
export type LoggedEntry = Pick<
  StoredEntry,
  'sequence' | 'eventType' | 'key' | 'value' | 'deadline' | 'digest' | 'stamp' | 'origin' | 'after' | 'superseded'
>

/** A write as the log has it that it was first written in. All logs are held against these. */
export interface Fact {
  readonly origin: string
  /** Its sequence in that log. */
  readonly sequence: number
  readonly key: string
  /** What joins or leaves is no key of the store, but a member at the address that the key is. */
  readonly kind: 'put' | 'delete' | 'join' | 'leave'
  /** Id of a put's value. */
  readonly value: string | undefined
  readonly stamp: number
  readonly isExpiry: boolean
  /** When a put's key ends by itself, by the clock of whichever site looks. */
  readonly deadline: number | undefined
  readonly after: Position | undefined
  /** Whether another node of its own site overtook it while it was in a spool. */
  readonly isOvertaken: boolean
}

/** One site's log, as it is in the end, or was when it was lost. */
export interface LoggedSite {
  readonly logId: string
  readonly name: string
  readonly entries: readonly LoggedEntry[]
  /** `alone` is the log of a site that was taken out; `lost` was replaced by another one. */
  readonly state: 'member' | 'alone' | 'lost'
  readonly past: LogStates
}

/** A log as it was found. */
export type FoundLog = Omit<LoggedSite, 'past'>

export interface Facts {
  readonly sites: readonly LoggedSite[]
  readonly all: readonly Fact[]
  /** What some member has, so that all have to have it. */
  readonly kept: readonly Fact[]
  /** A log by its id. */
  log(logId: string): LoggedSite | undefined
  /** What was first written in a log, at its sequence there. */
  at(logId: string, sequence: number): Fact | undefined
  /** What an entry of a log tells of: the entry itself, or the one that it was taken over from. */
  of(site: Pick<LoggedSite, 'logId'>, entry: LoggedEntry): Fact | undefined
  /** The put of a value; values are unique. */
  byValue(value: string): Fact | undefined
  /** All deletes of a key, wherever they were written, and puts that end by themselves. */
  endsOf(key: string): readonly Fact[]
  /** A fact in words. */
  words(fact: Fact | undefined): string
}

export function makeFacts(logs: readonly FoundLog[]): Facts {
  const sites = logs.map((log) => ({ ...log, past: makeLogStates(log.logId, log.entries) }))
  const all = sites.flatMap(({ logId, entries }) =>
    entries.filter(({ origin }) => origin === undefined).map((entry) => factOf(logId, entry)),
  )
  const byPlace = new Map(all.map((fact) => [`${fact.origin} ${fact.sequence}`, fact]))
  const byValue = new Map(all.filter(({ kind }) => kind === 'put').map((fact) => [fact.value, fact]))
  const ends = Map.groupBy(
    all.filter(({ kind, deadline }) => kind === 'delete' || deadline !== undefined),
    ({ key }) => key,
  )
  const at = (logId: string, sequence: number) => byPlace.get(`${logId} ${sequence}`)
  const of = ({ logId }: Pick<LoggedSite, 'logId'>, { origin, sequence }: LoggedEntry) =>
    at(origin?.logId ?? logId, Number(origin?.sequence ?? sequence))
  const members = sites.filter(({ state }) => state === 'member')
  const had = new Set(members.flatMap((site) => site.entries.map((entry) => of(site, entry))))
  return {
    ...{ sites, all, at, of, kept: all.filter((fact) => had.has(fact)) },
    log: (logId) => sites.find((site) => site.logId === logId),
    byValue: (value) => byValue.get(value),
    endsOf: (key) => ends.get(key) ?? [],
    words: (fact) => (fact ? describeFact(fact, nameOf(sites, fact.origin)) : 'nothing'),
  }
}

const kindOf = (eventType: number) => (['delete', 'put', 'join', 'leave'] as const)[eventType - 1] ?? 'put'

function factOf(origin: string, entry: LoggedEntry): Fact {
  const { sequence, eventType, key, value, stamp, deadline, after, superseded } = entry
  return {
    ...{ origin, sequence: Number(sequence), key, kind: kindOf(eventType), stamp, after, deadline },
    value: value && readValue(value),
    isExpiry: value === undefined && deadline !== undefined,
    isOvertaken: superseded,
  }
}

export function nameOf(sites: readonly LoggedSite[], logId: string): string {
  return sites.find((site) => site.logId === logId)?.name ?? `the log ${logId}`
}

function describeFact({ kind, key, value, sequence, stamp, after }: Fact, site: string): string {
  const what = kind === 'put' ? `${key} = ${value}` : `the ${kind} of ${key}`
  const dependency = after === undefined ? '' : `, after ${formatPosition(after)}`
  return `${what} (entry ${sequence} of ${site}, stamp ${stamp}${dependency})`
}

/** Whether `one` is the newer of two entries of a key, by the rule that all sites decide by. */
export function isNewer(one: Fact, other: Fact): boolean {
  if (one.origin === other.origin && one.stamp === other.stamp && one.isExpiry === other.isExpiry) {
    return one.sequence > other.sequence
  }
  return outranks(one, other)
}

/** The newest of a key's entries; undefined where there is none. */
export function newestOf(facts: readonly Fact[]): Fact | undefined {
  return facts.reduce<Fact | undefined>((newest, fact) => (newest && isNewer(newest, fact) ? newest : fact), undefined)
}
