import { nowhere, parsePosition } from '../../../kvs/core/position.ts'
import type { Fact, Facts, LoggedSite } from '../../sites-checker/facts.ts'
import { type SiteOperation, words } from '../../sites-checker/operation.ts'

/**
 * Fills in what answers over HTTP leave open, as far as the logs tell it: the entry of a delete, where one alone can be
 * it, and what the node had of its log when it answered a read.
 * @returns with a sentence for each delete that was acknowledged as stored and can't be any entry
 */
export function completeAnswers(
  operations: readonly SiteOperation[],
  facts: Facts,
): { readonly operations: readonly SiteOperation[]; readonly violations: readonly string[] } {
  const violations: string[] = []
  const deletesOf = Map.groupBy(
    facts.all.filter(({ kind, isExpiry }) => kind === 'delete' && !isExpiry),
    ({ origin, key }) => `${origin} ${key}`,
  )
  const floors = makeFloors(operations, facts)
  const claimed = new Set<Fact>()
  const completed = operations.map((operation): SiteOperation => {
    const { kind, outcome, isSpooled, site, key, given } = operation
    const logged = facts.sites[site]
    if (outcome !== 'ok' || logged === undefined) return operation
    if (kind === 'get') return { ...operation, ...(isExact(logged, given) && { seen: given ?? '' }) }
    if (kind === 'put' || isSpooled) return operation
    const from = floors(operation)
    const through = ownIn(logged, given)
    const candidates = (deletesOf.get(`${logged.logId} ${key}`) ?? []).filter(
      ({ sequence }) => sequence > from && sequence <= through,
    )
    if (candidates.length === 0) {
      violations.push(`${words(operation)} was acknowledged and is not in its log between ${from} and ${through}`)
    }
    const [only] = candidates
    if (candidates.length !== 1 || only === undefined) return operation
    if (claimed.has(only)) violations.push(`${words(operation)} was acknowledged, and has no entry of its own`)
    claimed.add(only)
    return { ...operation, sequence: only.sequence }
  })
  return { operations: completed, violations }
}

function isExact(logged: LoggedSite, given: string | undefined): boolean {
  const position = parsePosition(given ?? '')
  return position !== undefined && logged.past.wasAt(position)
}

function ownIn({ logId }: LoggedSite, position: string | undefined): number {
  return Number((parsePosition(position ?? '') ?? nowhere).sequences.get(logId) ?? 0n)
}

/** How far a site's log was known to be, by some answer of that site, when an operation began. */
function makeFloors(operations: readonly SiteOperation[], facts: Facts) {
  const told = facts.sites.map((logged, site) => {
    let highest = 0
    return operations
      .filter((operation) => operation.site === site && operation.given !== undefined)
      .toSorted((one, other) => one.returned - other.returned)
      .map(({ returned, given, token }) => {
        // What the token had may be ahead of the site: only what goes beyond it is the site's own word.
        const own = ownIn(logged, given)
        if (own > ownIn(logged, token)) highest = Math.max(highest, own)
        return { returned, highest }
      })
  })
  return ({ site, invoked }: SiteOperation): number => {
    const answers = told[site] ?? []
    let [low, high] = [0, answers.length]
    while (low < high) {
      const middle = (low + high) >> 1
      if ((answers[middle]?.returned ?? 0) < invoked) low = middle + 1
      else high = middle
    }
    return answers[low - 1]?.highest ?? 0
  }
}

/** What an answer may say where the service is up: docs/api.md has them all. */
const documented = new Set([
  ...['not_ready', 'not_stored', 'undecided', 'behind', 'log_down', 'overloaded', 'spool_full', 'draining'],
  'too_many_connections',
])

/** Finds answers that nothing allows: an error of the server that is not documented, and a refusal of what is right. */
export function checkStatuses(operations: readonly SiteOperation[]): string[] {
  return operations.flatMap((operation) => {
    const { status, error = '', condition } = operation
    const isRight =
      status < 400 ||
      (status === 404 && operation.kind === 'get') ||
      (status === 412 && condition !== undefined) ||
      (status === 503 && documented.has(error))
    return isRight ? [] : [`${words(operation)} was answered ${status} ${error}`]
  })
}

/** How many acknowledged writes no log has. */
export function countLost(operations: readonly SiteOperation[], { byValue }: Pick<Facts, 'byValue'>): number {
  const stored = operations.filter(({ kind, outcome }) => kind === 'put' && outcome === 'ok')
  return stored.filter(({ value }) => byValue(value ?? '') === undefined).length
}

/** The newest fact of each key, by the rule of all sites; what its own site had overtaken is none. */
export function newestByKey(facts: Facts, newestOf: (all: readonly Fact[]) => Fact | undefined) {
  const effective = facts.all.filter(({ isOvertaken, kind }) => !isOvertaken && (kind === 'put' || kind === 'delete'))
  return new Map([...Map.groupBy(effective, ({ key }) => key)].map(([key, all]) => [key, newestOf(all)]))
}
