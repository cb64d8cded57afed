import { slotOf } from '../../../kvs/core/ring/key-slot.ts'
import { isExpiry } from '../checker/lifetimes.ts'
import type { LogEntry } from '../history.ts'
import { type Ownership, placeOf, type Stint } from './ownership.ts'
import type { RingLog, RingLogEntry } from './ring-history.ts'

/**
 * All logs of a ring as one: of each key what clients have written, in the order in which its owners took it. What
 * moved between logs has no place in it, and is held to it.
 */
export interface MergedLog {
  /** Key by key, with sequences from 1 on. */
  readonly entries: readonly LogEntry[]
  /** Sequence here of the version that a tag names. */
  sequenceOf(tag: string): number | undefined
  /** Where an entry is, in words. */
  placeOf(sequence: number): string | undefined
  /** What was written and has no effect, by the ids of the values. */
  readonly superseded: ReadonlySet<string>
  /** What each key has in the end, where it has anything. */
  readonly current: ReadonlyMap<string, LogEntry>
  /** Keys whose last entry says that they have ended by themselves. */
  readonly ended: ReadonlySet<string>
  /** Number of keys that came to another log, each of them as often as it did. */
  readonly moved: number
  readonly violations: readonly string[]
}

/** An entry with the log that it is in. */
interface Placed {
  readonly log: number
  readonly entry: RingLogEntry
}

interface Original extends Placed {
  readonly stint: Stint
}

export function mergeLogs(logs: readonly RingLog[], ownership: Ownership): MergedLog {
  const violations = [...ownership.violations]
  const report = (sentence: string) => void violations.push(sentence)
  const byKey = groupByKey(logs)
  const entries: LogEntry[] = []
  const places: Placed[] = []
  const sequences = new Map<string, number>()
  const superseded = new Set<string>()
  const current = new Map<string, LogEntry>()
  const ended = new Set<string>()
  let moved = 0

  for (const [key, all] of byKey) {
    const originals = originalsOf(key, all, { logs, ownership, report })
    const effective: Original[] = []
    for (const original of originals) {
      if (original.entry.superseded) superseded.add(original.entry.value ?? '')
      else effective.push(original)
    }
    for (const { log, entry } of effective) {
      const { kind, value, deadline, recordedAt } = entry
      const sequence = entries.length + 1
      const merged: LogEntry = {
        ...{ sequence, kind: kind === 'put' ? 'put' : 'delete', key, value, superseded: false, recordedAt },
        ...(deadline !== undefined && { deadline }),
      }
      entries.push(merged)
      places.push({ log, entry })
      sequences.set(entry.tag, sequence)
      if (merged.kind === 'put') current.set(key, merged)
      else current.delete(key)
    }
    const last = entries.at(-1)
    if (effective.length > 0 && last !== undefined && isExpiry(last)) ended.add(key)
    checkCopies(all, { logs, report })
    moved += checkStints(key, all, effective, { logs, ownership, report })
  }
  return {
    ...{ entries, superseded, current, ended, moved, violations },
    sequenceOf: (tag) => sequences.get(tag),
    placeOf(sequence) {
      const place = places[sequence - 1]
      return place && `entry ${place.entry.sequence} of ${logs[place.log]?.member}`
    },
  }
}

interface Parts {
  readonly logs: readonly RingLog[]
  readonly ownership: Ownership
  readonly report: (sentence: string) => void
}

function groupByKey(logs: readonly RingLog[]): Map<string, Placed[]> {
  const byKey = new Map<string, Placed[]>()
  logs.forEach(({ entries }, log) => {
    for (const entry of entries) {
      if (entry.kind === 'ring') continue
      const known = byKey.get(entry.key)
      if (known === undefined) byKey.set(entry.key, [{ log, entry }])
      else known.push({ log, entry })
    }
  })
  return byKey
}

const isExpired = ({ kind, deadline }: RingLogEntry) => kind === 'delete' && deadline !== undefined

const wordsFor = (logs: readonly RingLog[], { log, entry }: Placed) => placeOf(logs[log] as RingLog, entry)

/** What clients have written to a key, in the order of its owners. What is not in the log of an owner is reported. */
function originalsOf(key: string, all: readonly Placed[], { logs, ownership, report }: Parts): Original[] {
  const slot = slotOf(key)
  const originals = all.flatMap((placed): Original[] => {
    const { log, entry } = placed
    const stint = ownership.at(log, slot, entry.sequence)
    if (entry.earlier !== undefined) {
      if (stint !== undefined) report(`${wordsFor(logs, placed)} came from another log, and this one owned the key`)
      return []
    }
    // A copy that has ended may be recorded as ended, as any key; its owner's has ended as well.
    if (stint === undefined && isExpired(entry)) return []
    if (stint === undefined) report(`${wordsFor(logs, placed)} is a client’s, and this log did not own the key`)
    return stint === undefined ? [] : [{ ...placed, stint }]
  })
  return originals.sort(
    (one, other) => one.stint.version - other.stint.version || one.entry.sequence - other.entry.sequence,
  )
}

/** What moved has the version of something that did not come from another log, and is the same. */
function checkCopies(all: readonly Placed[], { logs, report }: Pick<Parts, 'logs' | 'report'>): void {
  const byTag = new Map(all.flatMap(({ entry }) => (entry.earlier === undefined ? [[entry.tag, entry]] : [])))
  for (const placed of all) {
    const { earlier, kind, value, deadline } = placed.entry
    if (earlier === undefined) continue
    const first = byTag.get(earlier.tag)
    if (first === undefined) report(`${wordsFor(logs, placed)} is a copy of ${earlier.tag}, which no log has`)
    else if (kind !== 'put') continue
    else if (first.value !== value || first.deadline !== deadline || earlier.modifiedAt !== first.recordedAt) {
      report(`${wordsFor(logs, placed)} is a copy of ${earlier.tag}, and not the same`)
    }
  }
}

/**
 * Whoever took the key's slot over had the key as it was, and who does not own it in the end has no copy left.
 * @returns how often the key came to another log
 */
function checkStints(
  key: string,
  all: readonly Placed[],
  originals: readonly Original[],
  { logs, ownership, report }: Parts,
): number {
  const stints = ownership.stintsOf(slotOf(key))
  const heldIn = logs.map((_, log) => all.filter((placed) => placed.log === log))
  let moved = 0
  let at = 0
  let truth: RingLogEntry | undefined
  for (const stint of stints) {
    const held = newestBefore(heldIn[stint.log] ?? [], stint.from)
    if (truth !== undefined && stint !== stints[0]) moved++
    if (!isSame(held, truth)) {
      const name = `${logs[stint.log]?.member} took the slot of ${JSON.stringify(key)} over with its entry ${stint.from}`
      report(`${name}, and had ${versionText(held)} instead of ${versionText(truth)}`)
    }
    for (; originals[at]?.stint === stint; at++) {
      const { entry } = originals[at] as Original
      truth = entry.kind === 'put' ? entry : undefined
    }
  }
  const last = stints.at(-1)
  heldIn.forEach((ofLog, log) => {
    const held = newestBefore(ofLog, Number.POSITIVE_INFINITY)
    const isOwner = last?.log === log && last.until === Number.POSITIVE_INFINITY
    if (held === undefined || isOwner) return
    report(
      `${logs[log]?.member} still has ${JSON.stringify(key)} in the end, and does not own it: ${versionText(held)}`,
    )
  })
  return moved
}

/** The entry that the key's value comes from; undefined where it has none. */
function newestBefore(ofLog: readonly Placed[], sequence: number): RingLogEntry | undefined {
  const newest = ofLog.findLast(({ entry }) => entry.sequence < sequence && !entry.superseded)?.entry
  return newest?.kind === 'put' ? newest : undefined
}

/** What has a deadline may have ended on the way. */
function isSame(held: RingLogEntry | undefined, truth: RingLogEntry | undefined): boolean {
  if (held === undefined) return truth === undefined || truth.deadline !== undefined
  return tagOf(held) === (truth && tagOf(truth)) && held.value === truth?.value
}

const tagOf = ({ earlier, tag }: RingLogEntry) => earlier?.tag ?? tag

const versionText = (entry: RingLogEntry | undefined) =>
  entry === undefined ? 'nothing' : `${entry.value ?? 'torn bytes'} (${tagOf(entry)})`
