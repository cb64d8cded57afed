import { formatPosition } from '../../kvs/core/position.ts'
import { type Fact, type Facts, isNewer, type LoggedEntry, type LoggedSite, nameOf, newestOf } from './facts.ts'

/** Holds the sites' logs against each other. Returns a sentence for each contradiction. */
export function checkLogs(facts: Facts): string[] {
  const pasts = pastsOf(facts)
  return facts.sites.flatMap((site) => [
    ...checkOrigins(facts, site),
    ...checkOrder(facts, site, pasts),
    ...checkStamps(facts, site),
    ...checkExpiries(facts, site),
    ...checkEffects(facts, site),
    ...checkFold(facts, site),
  ])
}

/** A log has entries of others each once, in their order, as they are there; a member's has all that members have. */
function checkOrigins(facts: Facts, site: LoggedSite): string[] {
  const byOrigin = Map.groupBy(
    site.entries.filter(({ origin }) => origin !== undefined),
    ({ origin }) => origin?.logId ?? '',
  )
  const found: string[] = []
  for (const [origin, entries] of byOrigin) {
    const met = new Set<string>()
    for (const entry of entries) {
      const fact = facts.of(site, entry)
      const place = `entry ${entry.sequence} of ${site.name}`
      if (fact === undefined) found.push(`${place} is from an entry that ${nameOf(facts.sites, origin)} does not have`)
      else if (!isSame(facts, fact, entry)) found.push(`${place} differs from ${facts.words(fact)}`)
      if (fact && met.has(facts.words(fact))) found.push(`${facts.words(fact)} is in the log of ${site.name} twice`)
      if (fact) met.add(facts.words(fact))
    }
    const sequences = entries.map((entry) => Number(entry.origin?.sequence))
    if (sequences.some((sequence, index) => sequence < (sequences[index - 1] ?? 0))) {
      found.push(`${site.name} has entries of ${nameOf(facts.sites, origin)} out of their order`)
    }
  }
  const has = new Set(site.entries.map((entry) => facts.of(site, entry)))
  const reached = new Map(site.entries.map((entry) => placeOf(site, entry)))
  const isToBeThere = ({ origin, sequence }: Fact) => sequence < (reached.get(origin) ?? 0)
  const missing = (site.state === 'member' ? facts.kept : facts.all.filter(isToBeThere)).filter(
    (fact) => !has.has(fact),
  )
  return [...found, ...missing.map((fact) => `${facts.words(fact)} is not in the log of ${site.name}`)]
}

/** Where an entry was first written. */
function placeOf({ logId }: LoggedSite, { origin, sequence }: LoggedEntry): [logId: string, sequence: number] {
  return [origin?.logId ?? logId, Number(origin?.sequence ?? sequence)]
}

function isSame(facts: Facts, fact: Fact, entry: LoggedEntry): boolean {
  const original = facts.sites.find(({ logId }) => logId === fact.origin)?.entries[fact.sequence - 1]
  return (
    original !== undefined &&
    original.eventType === entry.eventType &&
    original.key === entry.key &&
    original.stamp === entry.stamp &&
    original.deadline === entry.deadline &&
    (original.after && formatPosition(original.after)) === (entry.after && formatPosition(entry.after)) &&
    (original.value?.equals(entry.value ?? Buffer.alloc(0)) ?? entry.value === undefined)
  )
}

/** What a log has of each origin before one of its own entries, by fact. */
function pastsOf(facts: Facts): Map<Fact, ReadonlyMap<string, number>> {
  const pasts = new Map<Fact, ReadonlyMap<string, number>>()
  for (const site of facts.sites) {
    let reached: ReadonlyMap<string, number> = new Map()
    for (const entry of site.entries) {
      const fact = facts.of(site, entry)
      if (fact === undefined) continue
      if (entry.origin === undefined) pasts.set(fact, reached)
      else reached = new Map([...reached, [fact.origin, fact.sequence]])
    }
  }
  return pasts
}

/** An entry lands after all that was in the log before it that it was first written in. */
function checkOrder(facts: Facts, site: LoggedSite, pasts: ReturnType<typeof pastsOf>): string[] {
  const found: string[] = []
  const reached = new Map<string, number>()
  for (const entry of site.entries) {
    const fact = facts.of(site, entry)
    if (fact === undefined) continue
    for (const [origin, sequence] of pasts.get(fact) ?? []) {
      if (sequence <= (reached.get(origin) ?? 0)) continue
      const before = facts.words(facts.at(origin, sequence))
      found.push(`${facts.words(fact)} lands at ${site.name} before ${before}, which was in its own log before it`)
    }
    reached.set(fact.origin, fact.sequence)
  }
  return found
}

/** A stamp is later than all that was in the log before, and than what its writer depends on. */
function checkStamps(facts: Facts, site: LoggedSite): string[] {
  const found: string[] = []
  let [highest, ofBatch] = [0, 0]
  let digest: Buffer = Buffer.alloc(0)
  for (const entry of site.entries) {
    if (!entry.digest.equals(digest)) {
      highest = Math.max(highest, ofBatch)
      ofBatch = 0
      digest = entry.digest
    }
    ofBatch = Math.max(ofBatch, entry.stamp)
    const fact = facts.of(site, entry)
    if (fact === undefined || entry.origin !== undefined || fact.isExpiry) continue
    if (fact.stamp <= highest) {
      found.push(`${facts.words(fact)} has no later stamp than what was in its log before: ${highest}`)
    }
    if (fact.after && fact.stamp <= fact.after.stamp) {
      found.push(`${facts.words(fact)} has no later stamp than its token`)
    }
  }
  return found
}

/** An expiry has the stamp of what it removes, so that it takes away nothing else anywhere. */
function checkExpiries(facts: Facts, site: LoggedSite): string[] {
  const last = new Map<string, Fact | undefined>()
  return site.entries.flatMap((entry) => {
    const fact = facts.of(site, entry)
    const before = last.get(entry.key)
    if (!entry.superseded) last.set(entry.key, fact)
    if (!fact?.isExpiry || entry.origin !== undefined) return []
    const isRight = before?.kind === 'put' && before.stamp === fact.stamp && before.deadline === fact.deadline
    return isRight ? [] : [`${facts.words(fact)} is an expiry, and what it takes away is ${facts.words(before)}`]
  })
}

/**
 * What has no effect in a log had a newer entry of its key before it there, and only that has none. A delete of a key
 * that has been deleted already may have one, which changes nothing: the site may have forgotten the newer delete.
 */
function checkEffects(facts: Facts, site: LoggedSite): string[] {
  const found: string[] = []
  const newest = new Map<string, Fact>()
  for (const entry of site.entries) {
    const fact = facts.of(site, entry)
    if (fact === undefined) continue
    if (fact.isOvertaken) {
      if (!entry.superseded) found.push(`${facts.words(fact)} was overtaken, and has an effect at ${site.name}`)
      continue
    }
    const before = newest.get(fact.key)
    const isOlder = before !== undefined && isNewer(before, fact)
    if (entry.superseded && !isOlder) {
      found.push(`${facts.words(fact)} has no effect at ${site.name}, and nothing newer was there before it`)
    }
    if (!entry.superseded && isOlder && !areDeletes(fact, before)) {
      found.push(`${facts.words(fact)} undoes ${facts.words(before)} at ${site.name}, which is newer`)
    }
    if (!isOlder) newest.set(fact.key, fact)
  }
  return found
}

function areDeletes(one: Fact, other: Fact): boolean {
  return one.kind === 'delete' && other.kind === 'delete'
}

/** The last entry of each key that has an effect is the newest one that members have, or both are deletes. */
function checkFold(facts: Facts, site: LoggedSite): string[] {
  if (site.state !== 'member') return []
  const last = new Map<string, Fact | undefined>()
  for (const entry of site.entries) if (!entry.superseded) last.set(entry.key, facts.of(site, entry))
  const byKey = Map.groupBy(
    facts.kept.filter(({ isOvertaken }) => !isOvertaken),
    ({ key }) => key,
  )
  return [...byKey].flatMap(([key, all]) => {
    const newest = newestOf(all)
    const effective = last.get(key)
    if (effective === newest || (effective && newest && areDeletes(effective, newest))) return []
    return [`${site.name} ends with ${facts.words(effective)}, and the newest is ${facts.words(newest)}`]
  })
}
