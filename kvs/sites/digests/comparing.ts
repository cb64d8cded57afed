import { bucketCount, type PeerStatus } from '../../kv/index.ts'
import type { Clock } from '../../lib/clock.ts'
import type { Random } from '../../lib/random.ts'
import type { PeerClient } from '../peer-client.ts'
import type { Cursor } from './choosing.ts'
import { type ComparisonParts, compareWith } from './comparison.ts'
import type { Findings } from './findings.ts'

export interface ComparingOptions extends ComparisonParts {
  /** How often each of the other sites is compared with, in milliseconds; undefined for never. */
  readonly everyMs: number | undefined
  /** How the members are followed by now. */
  readonly peers: () => readonly PeerStatus[]
  readonly client: (address: string) => PeerClient
  readonly findings: Findings
  readonly clock: Clock
  readonly random: Random
}

/** A site that is followed anew is compared with so soon, in milliseconds, or sooner. */
const firstMs = 10_000
/** A comparison that takes longer is given up, in milliseconds, so that it does not hold up those with other sites. */
const mostMs = 10 * 60_000

/**
 * Compares this site with each one that it follows, one after the other, again and again until the signal aborts. At
 * the end there are no findings any more: another node may lead then. Never rejects.
 */
export async function compareMembers(options: ComparingOptions, signal: AbortSignal): Promise<void> {
  const { everyMs, peers, client, findings, clock, random } = options
  if (everyMs === undefined) return
  /** Moment of the last comparison, or attempt at one, by log id. */
  const triedAt = new Map<string, number>()
  /** Where the next comparison begins, by log id. The first one begins anywhere: a lead may be too short for all. */
  const cursors = new Map<string, Cursor>()

  async function compareOnce(logId: string, address: string): Promise<void> {
    const ending = new AbortController()
    const end = () => ending.abort(signal.reason)
    const timer = clock.after(mostMs, () => ending.abort(new Error(`it takes more than ${mostMs / 60_000} minutes`)))
    signal.addEventListener('abort', end)
    try {
      const from = cursors.get(logId) ?? { bucket: Math.floor(random.fraction() * bucketCount), segment: 0 }
      const earlier = { known: findings.known(logId), from }
      const compared = await compareWith(options, client(address), earlier, ending.signal)
      cursors.set(logId, compared.next)
      findings.note(logId, address, compared)
    } catch (error) {
      if (!signal.aborted) findings.noteFailure(logId, address, error)
    } finally {
      timer.cancel()
      signal.removeEventListener('abort', end)
      // What may still be asked for is not wanted any more.
      ending.abort()
    }
    triedAt.set(logId, clock.now())
  }

  while (!signal.aborted) {
    await clock.sleep(Math.min(everyMs, firstMs), signal)
    const logs = new Set(peers().flatMap(({ log }) => log ?? []))
    findings.keepOnly(logs)
    for (const left of [triedAt, cursors]) for (const logId of left.keys()) if (!logs.has(logId)) left.delete(logId)
    for (const { state, log, address } of peers()) {
      if (signal.aborted || state !== 'following' || log === null) continue
      if (clock.now() - (triedAt.get(log) ?? -Infinity) >= everyMs) await compareOnce(log, address)
    }
  }
  findings.keepOnly(new Set())
}
