import type { ForeignEntry } from '../core/entry.ts'
import { weight } from '../core/operation/operation.ts'
import { sequenceIn } from '../core/position.ts'
import type { LogImport } from '../log/index.ts'
import type { OwnSite } from './own-site.ts'
import { rankEntries } from './ranking.ts'

/** Where whole batches of other sites' entries wait to be appended to this site's log. */
export interface Intake {
  /**
   * Resolves once the log has the entries: all of them land together, but for those that it had already. Batches are
   * appended in the order of the calls. Rejects as `LogImport.append`; every later call does, too.
   */
  add(entries: readonly ForeignEntry[]): Promise<void>
  /** Resolves with the error of the first batch that failed. Never rejects. */
  readonly failed: Promise<unknown>
  /** Entries that were appended, and those among them that had no effect. */
  readonly counts: { readonly entries: number; readonly superseded: number }
}

interface WaitingBatch {
  readonly entries: readonly ForeignEntry[]
  readonly bytes: number
  readonly resolve: () => void
  readonly reject: (error: unknown) => void
}

/** Bounds on what is appended at once. One batch may be larger. */
const most = { entries: 5_000, bytes: 4 * 1024 * 1024 }

/** How far the log may be ahead of the view, in entries: the log ranks entries against all that the view lacks. */
const mostAhead = 50_000n

export function makeIntake(target: LogImport, site: OwnSite): Intake {
  const waiting: WaitingBatch[] = []
  const counts = { entries: 0, superseded: 0 }
  const failed = Promise.withResolvers<unknown>()
  let failure: { readonly error: unknown } | undefined
  let isAppending = false

  async function appendAll(): Promise<void> {
    isAppending = true
    while (waiting.length > 0) {
      const batches = takeSome(waiting)
      try {
        await append(target, site, missing(batches, target), counts)
        for (const { resolve } of batches) resolve()
      } catch (error) {
        failure = { error }
        failed.resolve(error)
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
    failed: failed.promise,
    counts,
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
): Promise<void> {
  if (entries.length === 0) return
  // In one step with the sequence: what the log has after it, the log ranks itself.
  const seen = site.sequence()
  const ranked = rankEntries(entries, site.rankOf)
  const { sequence } = await target.append(ranked, seen)
  counts.entries += ranked.length
  counts.superseded += ranked.filter(({ superseded }) => superseded).length
  if (sequence - site.sequence() > mostAhead) await reached(site, sequence - mostAhead)
}

function reached(site: OwnSite, sequence: bigint): Promise<void> {
  return new Promise((resolve) => {
    const forget = site.onAdvance(() => {
      if (site.sequence() < sequence) return
      forget()
      resolve()
    })
  })
}
