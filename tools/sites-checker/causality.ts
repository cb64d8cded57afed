import { nowhere, parsePosition } from '../../kvs/core/position.ts'
import { type Fact, type Facts, isNewer } from './facts.ts'
import { type SiteOperation, words } from './operation.ts'

/** The newest entry of each key that a session has seen, or that something it has seen comes after. */
type Past = ReadonlyMap<string, Fact>

/**
 * Holds what sessions that pass their token were shown against what they had seen: their own writes, what they had
 * read, whatever the writers of that had seen before, and what others had seen whose token they were given. Of each key
 * they must get no older entry than that.
 */
export function checkCausality(operations: readonly SiteOperation[], facts: Facts): string[] {
  const sessions = new Map<number, Past>()
  const pasts = new Map<Fact, Past>()
  const found: string[] = []
  /** Positions of answers that lack something. There may be thousands, so that they are told last. */
  const positions: string[] = []
  const mayBeDeleted = makeMayBeDeleted(operations, facts)
  for (const { operation, isReturn } of inOrderOfTime(operations)) {
    const { client, kind, token, heard } = operation
    if (!isReturn && heard !== undefined) {
      sessions.set(client, merge(sessions.get(client) ?? new Map(), sessions.get(heard) ?? new Map()))
    }
    const seen = sessions.get(client) ?? new Map()
    const fact = factOf(operation, facts)
    if (!isReturn) {
      if (kind === 'get' || token === undefined || fact === undefined) continue
      pasts.set(fact, seen)
      found.push(...checkStamp(operation, fact, seen, facts))
      continue
    }
    if (operation.outcome !== 'ok') continue
    const shown =
      kind === 'get' ? checkView(operation, facts, mayBeDeleted) : { fact: operation.isSpooled ? undefined : fact }
    if (shown.sentence) found.push(shown.sentence)
    if (token === undefined) continue
    // A site that was taken out answers from what it has.
    if (kind === 'get' && !operation.isAlone)
      found.push(...checkRead(operation, shown.fact, seen.get(operation.key), { facts, mayBeDeleted }))
    if (shown.fact) sessions.set(client, merge(merge(seen, pasts.get(shown.fact) ?? new Map()), one(shown.fact)))
    positions.push(...checkToken(operation, kind === 'get' ? undefined : shown.fact, facts))
  }
  return [...found, ...positions]
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
function checkView(
  operation: SiteOperation,
  facts: Facts,
  mayBeDeleted: MayBeDeleted,
): { fact: Fact | undefined; sentence?: string } {
  const { log, key, value, sequence, seen } = operation
  const logged = facts.log(log)
  if (logged === undefined) return { fact: undefined }
  if (seen === undefined) return { fact: operation.isSpooled ? undefined : facts.byValue(value ?? '') }
  const last = logged.past.lastAsOf(key, parsePosition(seen) ?? nowhere)
  const fact = last && facts.of(logged, last)
  if (value === null && fact?.deadline !== undefined) return { fact }
  const isGone = value === null && fact?.kind === 'put' && mayBeDeleted(operation, fact)
  if (operation.isSpooled || isGone) return { fact: undefined }
  const isLast = value === null ? fact?.kind !== 'put' : sequence === Number(last?.sequence ?? -1)
  if (isLast) return { fact }
  const shown = facts.words(sequence === undefined ? undefined : facts.byValue(value ?? ''))
  return { fact, sentence: `${words(operation)} shows ${shown}, where the log has ${facts.words(fact)} as of ${seen}` }
}

function checkRead(
  operation: SiteOperation,
  shown: Fact | undefined,
  known: Fact | undefined,
  { facts, mayBeDeleted }: { readonly facts: Facts; readonly mayBeDeleted: MayBeDeleted },
): string[] {
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
    landed !== undefined ? isNewer(known, landed) : operation.value === null && !mayBeDeleted(operation, known)
  return isHidden ? [`${words(operation)} does not show ${facts.words(known)}, which its session had seen`] : []
}

/**
 * Whether a delete can be what a get has shown that found nothing, or a put that has ended by itself: one of the node's
 * own site, which may be in its spool, or any where it is not known what the node had.
 */
type MayBeDeleted = (operation: SiteOperation, known: Fact) => boolean

function makeMayBeDeleted(operations: readonly SiteOperation[], facts: Facts): MayBeDeleted {
  const isLostInSpool = makeLostInSpool(operations, facts)
  return (operation, known) => {
    const { log, key, seen } = operation
    const isKnown = (fact: Fact) => (fact.origin === log || seen === undefined) && isNewer(fact, known)
    return (
      known.kind === 'delete' ||
      known.deadline !== undefined ||
      facts.endsOf(key).some(isKnown) ||
      isLostInSpool(operation, known)
    )
  }
}

/**
 * Whether a get may have shown a delete that its node had in its spool, which was lost with the log: of the same node,
 * which has appended nothing in between, since its spool was empty then; and not before a put that came after it.
 */
function makeLostInSpool(operations: readonly SiteOperation[], facts: Facts): MayBeDeleted {
  const ofLostLogs = operations.filter(
    ({ kind, log, outcome }) => kind !== 'get' && outcome !== 'failed' && facts.log(log)?.state === 'lost',
  )
  const byNode = Map.groupBy(ofLostLogs, ({ log, node }) => `${log} ${node}`)
  const puts = new Map(ofLostLogs.filter(({ kind }) => kind === 'put').map((put) => [put.value ?? undefined, put]))
  return (get, known) => {
    const ofNode = byNode.get(`${get.log} ${get.node}`) ?? []
    const put = known.origin === get.log ? puts.get(known.value) : undefined
    return ofNode.some((one) => {
      const { kind, key, sequence, invoked, returned } = one
      if (kind !== 'delete' || key !== get.key || sequence !== undefined || invoked >= get.returned) return false
      const isEmptied = ofNode.some(
        (other) => other.sequence !== undefined && other.invoked > returned && other.returned < get.invoked,
      )
      return !isEmptied && (put === undefined || put.invoked <= returned)
    })
  }
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
