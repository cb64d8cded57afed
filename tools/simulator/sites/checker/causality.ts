import { parsePosition } from '../../../../kvs/core/position.ts'
import { seconds } from '../../schedule.ts'
import type { SiteOperation } from '../sessions.ts'
import { type Fact, type Facts, isNewer, type LoggedSite } from './facts.ts'

/** The newest entry of each key that a session has seen, or that something it has seen comes after. */
type Past = ReadonlyMap<string, Fact>

/**
 * Holds what sessions that pass their token were shown against what they had seen: their own writes, what they had
 * read, and whatever the writers of that had seen before. Of each key they must get no older entry than that.
 */
export function checkCausality(operations: readonly SiteOperation[], facts: Facts): string[] {
  const sessions = new Map<number, Past>()
  const pasts = new Map<Fact, Past>()
  const found: string[] = []
  for (const { operation, isReturn } of inOrderOfTime(operations)) {
    const { client, kind, token } = operation
    const seen = sessions.get(client) ?? new Map()
    const fact = factOf(operation, facts)
    if (!isReturn) {
      if (kind === 'get' || token === undefined || fact === undefined) continue
      pasts.set(fact, seen)
      found.push(...checkStamp(operation, fact, seen, facts))
      continue
    }
    if (operation.outcome !== 'ok') continue
    const shown = kind === 'get' ? checkView(operation, facts) : { fact: operation.isSpooled ? undefined : fact }
    if (shown.sentence) found.push(shown.sentence)
    if (token === undefined) continue
    // A site that was taken out answers from what it has.
    if (kind === 'get' && !operation.isAlone)
      found.push(...checkRead(operation, shown.fact, seen.get(operation.key), facts))
    if (shown.fact) sessions.set(client, merge(merge(seen, pasts.get(shown.fact) ?? new Map()), one(shown.fact)))
    found.push(...checkToken(operation, kind === 'get' ? undefined : shown.fact, facts))
  }
  return found
}

const one = (fact: Fact): Past => new Map([[fact.key, fact]])

function merge(past: Past, other: Past): Past {
  const merged = new Map(past)
  for (const [key, fact] of other) {
    const before = merged.get(key)
    if (before === undefined || isNewer(fact, before)) merged.set(key, fact)
  }
  return merged
}

/** Begins and ends of all operations. What was written before it was read begins before the read ends. */
function inOrderOfTime(operations: readonly SiteOperation[]) {
  const moments = operations.flatMap((operation) => [
    { at: operation.invoked, operation, isReturn: false },
    { at: operation.returned, operation, isReturn: true },
  ])
  // Of two at the same time an end comes first: the next operation of a client begins when it has the answer.
  return moments.toSorted((one, other) => one.at - other.at || Number(other.isReturn) - Number(one.isReturn))
}

/** What a write has written; undefined where that is not known, or nothing. */
function factOf({ kind, value, log, sequence }: SiteOperation, facts: Facts): Fact | undefined {
  if (kind === 'put') return facts.byValue(value ?? '')
  return kind === 'delete' && sequence !== undefined ? facts.at(log, sequence) : undefined
}

function checkStamp(operation: SiteOperation, fact: Fact, seen: Past, facts: Facts): string[] {
  const later = [...seen.values()].find(({ stamp }) => stamp >= fact.stamp)
  if (later === undefined) return []
  return [
    `${words(operation)} has no later stamp than what its session had seen: ${facts.words(fact)}, after ${facts.words(later)}`,
  ]
}

/** The entry that a get has shown; a sentence where it was not the key's last in what its node had of the log. */
function checkView(operation: SiteOperation, facts: Facts): { fact: Fact | undefined; sentence?: string } {
  const { log, key, value, sequence, seen } = operation
  const logged = facts.log(log)
  if (logged === undefined || seen === undefined) return { fact: undefined }
  const last = lastAsOf(logged, key, seen)
  const fact = last && facts.of(logged, last)
  if (value === null && fact?.deadline !== undefined) return { fact }
  if (operation.isSpooled || (value === null && fact?.kind === 'put')) return { fact: undefined }
  if (value === null ? sequence === undefined : sequence === Number(last?.sequence ?? -1)) return { fact }
  const shown = facts.words(sequence === undefined ? undefined : facts.byValue(value ?? ''))
  return { fact, sentence: `${words(operation)} shows ${shown}, where the log has ${facts.words(fact)} as of ${seen}` }
}

/** The last entry of a key that has an effect, in what a node has of its log at a position. */
function lastAsOf({ logId, entries }: LoggedSite, key: string, seen: string) {
  const { sequences } = parsePosition(seen) ?? { sequences: new Map<string, bigint>() }
  const isBeyond = entries.findIndex(
    ({ origin, sequence }) => (origin?.sequence ?? sequence) > (sequences.get(origin?.logId ?? logId) ?? 0n),
  )
  const had = isBeyond < 0 ? entries : entries.slice(0, isBeyond)
  return had.findLast((entry) => entry.key === key && !entry.superseded)
}

function checkRead(operation: SiteOperation, shown: Fact | undefined, known: Fact | undefined, facts: Facts): string[] {
  if (known === undefined || shown === known) return []
  if (shown !== undefined) {
    if (isNewer(shown, known)) return []
    return [
      `${words(operation)} shows ${facts.words(shown)}, older than ${facts.words(known)}, which its session had seen`,
    ]
  }
  // What is in a spool, or under way to the log, is newer than all that its node has, where it lands.
  const landed = operation.value === null ? undefined : facts.byValue(operation.value ?? '')
  const isHidden =
    landed !== undefined ? isNewer(known, landed) : operation.value === null && !mayBeDeleted(operation, known, facts)
  return isHidden ? [`${words(operation)} does not show ${facts.words(known)}, which its session had seen`] : []
}

/** Whether a delete of the node's own site can be what a get has shown that found nothing. */
function mayBeDeleted({ log: logId, key }: SiteOperation, known: Fact, facts: Facts): boolean {
  return (
    known.kind === 'delete' ||
    known.deadline !== undefined ||
    facts.all.some(
      (fact) => fact.origin === logId && fact.key === key && fact.kind === 'delete' && isNewer(fact, known),
    )
  )
}

/** The position that a write is answered with covers it. */
function checkToken(operation: SiteOperation, written: Fact | undefined, facts: Facts): string[] {
  const { token, given } = operation
  const covered = parsePosition(given ?? '')
  if (given === undefined || covered === undefined) return []
  const sent = parsePosition(token ?? '')
  const back = [...(sent?.sequences ?? [])].find(([log, sequence]) => sequence > (covered.sequences.get(log) ?? 0n))
  const isMissing = written && BigInt(written.sequence) > (covered.sequences.get(written.origin) ?? 0n)
  return [
    ...(back ? [`${words(operation)} is answered with a position that lacks ${back.join('=')} of its token`] : []),
    ...(isMissing ? [`${words(operation)} is answered with a position without ${facts.words(written)}`] : []),
  ]
}

export function words({ client, kind, key, value, node, invoked, returned, status }: SiteOperation): string {
  const what = kind === 'put' ? `${key} = ${value}` : key
  const times = `${seconds(invoked)} to ${seconds(returned)} s`
  return `client ${client}'s ${kind} of ${what} at ${node} (${times}, ${status})`
}
