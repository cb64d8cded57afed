import type { ForeignEntry, LogPoint, SpooledWrite, Write } from '../../../kvs/core/entry.ts'
import type { Version } from '../../../kvs/core/version.ts'
import type { Decided, LogImport, LogSession, SiteLog, Verdict } from '../../../kvs/log/index.ts'
import { put } from '../../support/entries.ts'

export function spooled(number: bigint, key: string, superseded = false): SpooledWrite {
  return { number, superseded, write: put(key, `${number}`) }
}

/** A decision on one write, which rests on its key; with `lands: false` the one that nothing is done. */
export function decided(write: Write, { lands = true, ...rest }: Partial<Decided> & { lands?: boolean } = {}): Decided {
  return { ...decidedTogether(lands ? [write] : []), reads: [write.key], ...rest }
}

/** A decision on several writes that rests on nothing. */
export function decidedTogether(writes: readonly Write[], rest: Partial<Decided> = {}): Decided {
  return { writes, reads: [], builtOn: [], current: undefined, idempotency: undefined, ...rest }
}

export function under(key: string, request = 'r', note?: string) {
  return { key, request: Buffer.from(request), note }
}

/** As a node tells it; the log takes its word, and gives it back. */
export function toldVersion(sequence: bigint): Version {
  return { sequence, tag: `the node's for ${sequence}` }
}

/** A verdict as it is without what this one says of it. */
export function verdict(outcome: Verdict['outcome'], rest: Partial<Verdict> = {}): Verdict {
  return { outcome, entry: undefined, current: undefined, note: undefined, ...rest }
}

/** An entry as the log has it. */
export async function pointIn(session: LogSession, sequence: bigint): Promise<LogPoint> {
  const [entry] = await session.read(sequence - 1n, sequence)
  if (entry === undefined) throw new Error(`the log has no entry ${sequence}`)
  return { sequence, digest: entry.digest }
}

/** As the log has it. */
export async function versionIn(session: LogSession, sequence: bigint): Promise<Version> {
  const { digest } = await pointIn(session, sequence)
  return { sequence, tag: `${session.head.logId}-${sequence}-${digest.toString('hex', 0, 4)}` }
}

/** Ids of other logs: below and above those that logs have, which are hexadecimal. */
export const [lowerLog, higherLog] = ['--------', 'zzzzzzzz']

/** Stamp of an entry of another log: a while ago. */
export const oldStamp = Date.UTC(2020, 0, 1) * 1_000

/** An entry of another log, by default as of a while ago. */
export function foreign(
  sequence: bigint,
  write: Write,
  { logId = higherLog, stamp = oldStamp + Number(sequence), superseded = false } = {},
): ForeignEntry {
  return { origin: { logId, sequence }, stamp, superseded, write }
}

/** Throws where another node takes entries over. */
export async function openImport(siteLog: SiteLog): Promise<LogImport> {
  const opened = await siteLog.openImport()
  if (opened === undefined) throw new Error('another node takes entries over')
  return opened
}
