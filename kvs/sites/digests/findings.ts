import type { Comparison } from '../../kv/index.ts'
import type { Clock } from '../../lib/clock.ts'
import type { Logger } from '../../lib/logging.ts'
import type { Compared } from './comparison.ts'

/** What comparisons with other sites have found, by the ids of their logs. */
export interface Findings {
  /** Null before the first comparison, and where there is none any more. */
  of(logId: string | null): Comparison | null
  /** Some of the keys that differ, by their buckets. */
  known(logId: string): ReadonlyMap<number, readonly string[]>
  /** Takes over what a comparison came to, and tells of the first difference and of the last. */
  note(logId: string, address: string, compared: Compared): void
  /** Tells once why a site can't be compared with. */
  noteFailure(logId: string, address: string, error: unknown): void
  /** Forgets the logs that are not among these. */
  keepOnly(logIds: ReadonlySet<string>): void
}

/** How many keys of a bucket differ, and some of them, at least one. */
interface Found {
  readonly count: number
  readonly examples: readonly string[]
}

interface Finding {
  readonly buckets: Map<number, Found>
  /** Moment of the last comparison; undefined before one. */
  comparedAt: number | undefined
  /** Reasons that were told since then. */
  readonly told: Set<string>
}

/** Keys that are shown of a site. */
const mostExamples = 5
/** Reasons that are remembered to have been told: a peer may make up something else each time. */
const mostTold = 20

export function makeFindings(logger: Logger, clock: Clock): Findings {
  const findings = new Map<string, Finding>()

  function findingOf(logId: string): Finding {
    const finding = findings.get(logId) ?? { buckets: new Map(), comparedAt: undefined, told: new Set() }
    findings.set(logId, finding)
    return finding
  }

  return {
    of(logId) {
      const finding = logId === null ? undefined : findings.get(logId)
      if (finding?.comparedAt === undefined) return null
      return { age: Math.round(clock.now() - finding.comparedAt), ...summaryOf(finding) }
    },
    known(logId) {
      const buckets = findings.get(logId)?.buckets ?? new Map<number, Found>()
      return new Map([...buckets].map(([bucket, { examples }]) => [bucket, examples]))
    },
    note(logId, address, compared) {
      const finding = findingOf(logId)
      const before = summaryOf(finding).differing
      update(finding, compared)
      finding.comparedAt = clock.now()
      finding.told.clear()
      const { differing, examples } = summaryOf(finding)
      if (before === 0 && differing > 0) logger.error(sentenceOn(logId, address, differing, examples))
      if (before > 0 && differing === 0) logger.info(`no key differs any more from ${address} with the log ${logId}`)
    },
    noteFailure(logId, address, error) {
      const { told } = findingOf(logId)
      const reason = error instanceof Error ? error.message : String(error)
      if (!told.has(reason) && told.size < mostTold) logger.warn(`cannot compare values with ${address}: ${reason}`)
      if (told.size < mostTold) told.add(reason)
    },
    keepOnly(logIds) {
      for (const logId of findings.keys()) if (!logIds.has(logId)) findings.delete(logId)
    },
  }
}

/**
 * A bucket that was not looked into, or not into all of it, keeps what was found before, but for examples that are
 * alike by now. With the last of these it has no finding any more; others of its keys that differ are found again.
 */
function update({ buckets }: Finding, { unequal, whole, differing, alike }: Compared): void {
  for (const [bucket, { count, examples }] of [...buckets]) {
    const left = examples.filter((key) => !alike.has(key))
    if (!unequal.has(bucket) || whole.has(bucket) || left.length === 0) buckets.delete(bucket)
    else buckets.set(bucket, { count: count - (examples.length - left.length), examples: left })
  }
  const keysIn = Map.groupBy(differing, ({ bucket }) => bucket)
  for (const [bucket, keys] of keysIn) {
    const before = buckets.get(bucket)
    const names = new Set([...keys.map(({ key }) => key), ...(before?.examples ?? [])])
    const examples = [...names].slice(0, mostExamples)
    buckets.set(bucket, { count: Math.max(names.size, before?.count ?? 0), examples })
  }
}

function summaryOf({ buckets }: Finding): Omit<Comparison, 'age'> {
  const all = [...buckets.values()]
  return {
    differing: all.reduce((sum, { count }) => sum + count, 0),
    examples: all
      .slice(0, mostExamples)
      .flatMap(({ examples }) => examples)
      .slice(0, mostExamples),
  }
}

function sentenceOn(logId: string, address: string, differing: number, examples: readonly string[]): string {
  const keys = differing === 1 ? 'a key' : `${differing} keys`
  return (
    `this site and ${address} with the log ${logId} have different values of ${keys}, such as ` +
    `${examples.map(shown).join(', ')}, though each has all entries of the other: a log was restored and written on, ` +
    'or changed by hand; write each key anew, or begin the wrong site anew (docs/replicas.md, "Do sites differ?")'
  )
}

function shown(key: string): string {
  return JSON.stringify(key.length > 100 ? `${key.slice(0, 100)}…` : key)
}
