import type { ForeignEntry } from '../core/entry.ts'
import { isMembership, weight } from '../core/operation/operation.ts'
import { sequenceIn } from '../core/position.ts'
import type { LogImport } from '../log/index.ts'
import type { OwnSite } from './own-site.ts'
import { rankEntries } from './ranking.ts'
import { meetsForgotten, recallDeletes } from './recall.ts'
import { untilApplied } from './until-applied.ts'

/** Where whole batches of other sites' entries wait to be appended to this site's log. */
export interface Intake {
  /**
   * Resolves once the log has the entries: all of them land together, but for those that it had already. Batches are
   * appended in the order of the calls. Rejects as `LogImport.append`, with `not_ready` where the view can’t
   * rank them, and once the intake ends; every later call does, too.
   */
  add(entries: readonly ForeignEntry[]): Promise<void>
  /** Resolves with the error of the append that failed, after which nothing is taken over any more. Never rejects. */
  readonly failed: Promise<unknown>
  /** Entries that were appended, and those among them that had no effect. */
  readonly counts: { readonly entries: number; readonly superseded: number }
  /** How often entries have come in one of which may be older than a forgotten delete, as `meetsForgotten` says. */
  readonly oldOnes: number
  /** Whether the log is read for forgotten deletes, as `recallDeletes` does. */
  readonly isRecalling: boolean
  /** Sequence of its log that it waits for the view to have; undefined where it waits for none. */
  readonly awaited: bigint | undefined
}

interface WaitingBatch {
  readonly entries: readonly ForeignEntry[]
  readonly bytes: number
  readonly resolve: () => void
  readonly reject: (error: unknown) => void
}

/** Bounds on what is appended at once. One batch may be larger. */
const most = { entries: 5_000, bytes: 4 * 1024 * 1024 }

/**
 * @param ending ends the intake: nothing is appended any more, and nothing waits for the view
 * @param tell told of what may take long
 */
export function makeIntake(
  target: LogImport,
  site: OwnSite,
  ending: AbortSignal,
  tell: (message: string) => void = () => undefined,
): Intake {
  const waiting: WaitingBatch[] = []
  const counts = { entries: 0, superseded: 0 }
  let failure: { readonly error: unknown } | undefined
  let isAppending = false
  let oldOnes = 0
  let isRecalling = false
  let awaited: bigint | undefined
  const { promise: failed, resolve: fail } = Promise.withResolvers<unknown>()

  async function waitFor(sequence: bigint): Promise<void> {
    awaited = sequence
    await untilApplied(site, sequence, ending)
    awaited = undefined
  }

  async function appendAll(): Promise<void> {
    isAppending = true
    while (waiting.length > 0) {
      const batches = takeSome(waiting)
      try {
        ending.throwIfAborted()
        const entries = missing(batches, target)
        if (meetsForgotten(entries, site, target.forgotten)) oldOnes++
        // Once more where deletes were forgotten meanwhile: what follows is one step with the last look.
        while (meetsForgotten(entries, site, site.deletes().forgotten)) {
          isRecalling = true
          await recallDeletes({ target, site, waitFor, ending, tell }).finally(() => {
            isRecalling = false
          })
        }
        const end = await append(target, site, entries, counts)
        for (const { resolve } of batches) resolve()
        // The log ranks entries against all that the view lacks.
        await waitFor(end)
      } catch (error) {
        failure = { error }
        fail(error)
        for (const { reject } of [...batches, ...waiting.splice(0)]) reject(error)
      }
    }
    isAppending = false
  }

  return {
    add(entries) {
      if (failure) return Promise.reject(failure.error)
      return new Promise((resolve, reject) => {
        const bytes = entries.reduce((sum, { write }) => sum + weight(write), 0)
        waiting.push({ entries, bytes, resolve, reject })
        if (!isAppending) void appendAll()
      })
    },
    failed,
    counts,
    get oldOnes() {
      return oldOnes
    },
    get isRecalling() {
      return isRecalling
    },
    get awaited() {
      return awaited
    },
  }
}

function takeSome(waiting: WaitingBatch[]): WaitingBatch[] {
  let [entries, bytes, count] = [0, 0, 0]
  for (const batch of waiting) {
    entries += batch.entries.length
    bytes += batch.bytes
    if (count > 0 && (entries > most.entries || bytes > most.bytes)) break
    count++
  }
  return waiting.splice(0, count)
}

/** Entries that the log lacks, each once: several peers may have sent the same ones. */
function missing(batches: readonly WaitingBatch[], { position }: LogImport): ForeignEntry[] {
  const reached = new Map<string, bigint>()
  return batches
    .flatMap(({ entries }) => entries)
    .filter(({ origin: { logId, sequence } }) => {
      if (sequence <= (reached.get(logId) ?? sequenceIn(position, logId))) return false
      reached.set(logId, sequence)
      return true
    })
}

async function append(
  target: LogImport,
  site: OwnSite,
  entries: readonly ForeignEntry[],
  counts: { entries: number; superseded: number },
): Promise<bigint> {
  const seen = site.sequence()
  if (entries.length === 0) return seen
  // In one step with the sequence: what the log has after it, the log ranks itself. A log that diverged lacks some of
  // what the view has, and nothing in it may lose to that.
  site.requireReadable()
  const ranked = rankEntries(entries, site.rankOf)
  const end = await target.append(ranked, seen)
  counts.entries += ranked.length
  counts.superseded += ranked.filter(({ superseded }) => superseded).length
  // After entries that the view lacks, or about members, the log has ranked them itself, and may have marked others.
  const areAsRanked = end.sequence - BigInt(ranked.length) === seen && !ranked.some(({ write }) => isMembership(write))
  if (areAsRanked) site.noteLanded({ entries: ranked, end })
  else site.requestTail()
  return end.sequence
}
