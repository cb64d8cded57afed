import { parsePosition } from '../../../kvs/core/position.ts'
import { describe } from '../../drill/checker/words.ts'
import { type Commit, isOriginal, isPut } from './commit.ts'
import type { RingOperation } from './ring-operation.ts'
import { addressOf } from './ring-schedule.ts'

/** What was lost with members. */
export interface Lost {
  /** Answers that were kept for these are gone, too. A spooled write is dropped that was based on what is lost. */
  readonly keys: ReadonlySet<string>
  /** Of the members, whose spools are lost. */
  readonly addresses: ReadonlySet<string>
}

/**
 * Each write that was acknowledged is in one log once, over all logs; one that was refused is in none. What was spooled
 * may have been overtaken instead: by a write of its key that its node did not know of.
 */
export function checkOnce(
  operations: readonly RingOperation[],
  commits: readonly Commit[],
  lost: Lost = { keys: new Set(), addresses: new Set() },
): string[] {
  const all = indexed(commits)
  return operations.flatMap((operation) => {
    const { kind, value, outcome, isSpooled, tag } = operation
    if (kind !== 'put' || typeof value !== 'string') return []
    const landed = all.puts.get(value) ?? []
    const told = describe(operation)
    if (lost.keys.has(operation.key)) {
      const isMissing = outcome === 'ok' && !isSpooled && landed.length === 0
      return isMissing ? [`${told}, ${tag}, was acknowledged, and no log ever had it`] : []
    }
    if (landed.length > 1) return [`${told} was done ${landed.length} times: ${landed.map(placeOf).join(', ')}`]
    if (outcome === 'failed' && landed.length > 0) return [`${told} was refused, and is ${placeOf(landed[0])}`]
    if (outcome !== 'ok' || landed.length === 1) return []
    if (!isSpooled) return [`${told}, ${tag}, was acknowledged, and no log has it`]
    if (lost.addresses.has(operation.by ?? '')) return []
    return isOvertaken(operation, all) ? [] : [`${told} was spooled and is lost: nothing has overtaken it`]
  })
}

interface Indexed {
  /** Those that have come into effect, by their values. */
  readonly puts: ReadonlyMap<string, readonly Commit[]>
  /** Whatever has come into effect, by key: places in the order of all commits. */
  readonly places: ReadonlyMap<string, readonly number[]>
  /** Place of an entry in the log of the member at an address; -1 for the log's beginning. */
  placeOf(address: string | undefined, sequence: bigint): number
}

function indexed(commits: readonly Commit[]): Indexed {
  const originals = commits.map((commit, place) => ({ commit, place })).filter(({ commit }) => isOriginal(commit))
  const puts = originals.map(({ commit }) => commit).filter(({ entry }) => isPut(entry))
  const places = Map.groupBy(originals, ({ commit }) => commit.entry.key)
  const byLog = new Map(commits.map(({ member, entry }, place) => [`${addressOf(member)} ${entry.sequence}`, place]))
  return {
    puts: Map.groupBy(puts, ({ entry }) => String(entry.value)),
    places: new Map([...places].map(([key, found]) => [key, found.map(({ place }) => place)])),
    placeOf: (address, sequence) => byLog.get(`${address} ${sequence}`) ?? -1,
  }
}

/** Whether the key has changed since its node had accepted the write, by what that node had seen of its log. */
function isOvertaken({ key, by, seen }: RingOperation, { places, placeOf }: Indexed): boolean {
  const [sequence = 0n] = parsePosition(seen ?? '')?.sequences.values() ?? []
  const from = placeOf(by, sequence)
  return (places.get(key) ?? []).some((place) => place > from)
}

const placeOf = (commit: Commit | undefined) =>
  `entry ${commit?.entry.sequence} of member ${Number(commit?.member) + 1}`
