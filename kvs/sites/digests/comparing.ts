import type { PeerStatus } from '../../kv/index.ts'
import type { Clock } from '../../lib/clock.ts'
import type { PeerClient } from '../peer-client.ts'
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
}

/** A site that is followed anew is compared with so soon, in milliseconds, or sooner. */
const firstMs = 10_000

/**
 * Compares this site with each one that it follows, one after the other, again and again until the signal aborts. At
 * the end there are no findings any more: another node may lead then. Never rejects.
 */
export async function compareMembers(options: ComparingOptions, signal: AbortSignal): Promise<void> {
  const { everyMs, peers, client, findings, clock } = options
  if (everyMs === undefined) return
  /** Moment of the last comparison, or attempt at one, by log id. */
  const triedAt = new Map<string, number>()

  async function compareOnce(logId: string, address: string): Promise<void> {
    try {
      findings.note(logId, address, await compareWith(options, client(address), signal))
    } catch (error) {
      if (!signal.aborted) findings.noteFailure(logId, address, error)
    }
    triedAt.set(logId, clock.now())
  }

  while (!signal.aborted) {
    await clock.sleep(Math.min(everyMs, firstMs), signal)
    const logs = new Set(peers().flatMap(({ log }) => log ?? []))
    findings.keepOnly(logs)
    for (const logId of triedAt.keys()) if (!logs.has(logId)) triedAt.delete(logId)
    for (const { state, log, address } of peers()) {
      if (signal.aborted || state !== 'following' || log === null) continue
      if (clock.now() - (triedAt.get(log) ?? -Infinity) >= everyMs) await compareOnce(log, address)
    }
  }
  findings.keepOnly(new Set())
}
