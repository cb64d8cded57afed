import type { Entry, LogPoint, PackedEntry, Reached, Write } from '../../core/entry.ts'
import { codeOf, decodeWrite } from '../../core/operation/operation.ts'
import { brokenLog, Diverged, type Head, type RingChangeEntry, UnknownEntry } from '../index.ts'
import { isWhole, readCheckpoint } from './checkpointing.ts'
import type { MemoryConnection } from './memory-connection.ts'
import { kindOf, makePacker } from './packed-rows.ts'
import { endOf, entryAt, StatementRefused, type StoredEntry, type Tables } from './tables.ts'

/** Bounds of what one answer carries: so many entries at most, and none more once the values have so many bytes. */
export interface PageLimits {
  readonly entries: number
  readonly bytes: number
}

export async function readHead(connection: MemoryConnection): Promise<Head> {
  const head = connection.query('read-head', (tables) => ({
    ...{ logId: tables.logId, ...endOf(tables) },
    ring: ringOf(tables),
  }))
  const { logId, sequence, ring } = await head.catch(diverge)
  return { logId, sequence, entries: sequence, adoptedThrough: 0n, ring }
}

function ringOf(tables: Tables): RingChangeEntry | undefined {
  const { ringSequence: sequence } = tables
  if (sequence === 0n) return undefined
  const entry = entryAt(tables, sequence)
  if (entry?.eventType === codeOf('ring')) return { sequence, text: entry.key }
  throw new StatementRefused(`it lacks the entry ${sequence}, its newest on the ring`, 'broken')
}

/** As `LogSession.askHead`, with the server's clock in seconds. */
export function askHead(connection: MemoryConnection, timeoutMs: number): Promise<[end: LogPoint, seconds: number]> {
  return connection
    .query('ask-head', (tables, seconds): [LogPoint, number] => [endOf(tables), seconds], timeoutMs)
    .catch(diverge)
}

function diverge(error: unknown): never {
  if (!(error instanceof StatementRefused)) throw error
  throw new Diverged(brokenLog(error.message), { cause: error })
}

export async function holds(connection: MemoryConnection, { sequence, digest }: LogPoint): Promise<boolean> {
  if (sequence === 0n) return true
  return connection.query('holds', (tables) => entryAt(tables, sequence)?.digest.equals(digest) ?? false)
}

/** @param own number of the writer whose entries count as this node's own */
export async function readPage(
  connection: MemoryConnection,
  after: bigint,
  through: bigint | undefined,
  own: number,
  limits: PageLimits,
): Promise<Entry[]> {
  const page = await connection.query('read', (tables) => pageOf(tables, after, through, limits))
  return page.map((entry) => ({
    sequence: entry.sequence,
    digest: Buffer.from(entry.digest),
    superseded: entry.superseded,
    isOwn: entry.writer === own,
    recordedAt: entry.recordedAt,
    stamp: entry.stamp,
    origin: entry.origin,
    earlier: entry.earlier,
    write: toWrite(entry),
  }))
}

function toWrite(entry: StoredEntry): Write {
  const { key, value, contentType, deadline, sequence, eventType } = entry
  // A copy: whoever reads may free the buffer afterwards.
  const write = decodeWrite(kindOf(entry), key, value && Buffer.from(value), contentType, deadline, entry.after)
  if (write === undefined) throw new UnknownEntry(String(sequence), eventType)
  return write
}

/** As `LogSession.replay`, up to a sequence. */
export async function replay(
  connection: MemoryConnection,
  after: bigint,
  through: bigint,
  apply: (entry: PackedEntry) => void,
  limits: PageLimits,
): Promise<void> {
  const pack = makePacker()
  for (let at = after; ; ) {
    const page = await connection.query('replay', (tables) => pageOf(tables, at, through, limits))
    const last = page.at(-1)
    if (last === undefined) return
    for (const entry of page) handOver(connection, () => apply(pack(entry)))
    at = last.sequence
  }
}

/**
 * As `LogSession.loadCheckpoint`. One that lost keys is discarded, to be made anew.
 * @param warn told of that
 */
export async function loadCheckpoint(
  connection: MemoryConnection,
  load: (entry: PackedEntry) => void,
  warn: (message: string) => void,
  needsTombstones: boolean,
): Promise<Reached | undefined> {
  const checkpoint = await connection.query('load-checkpoint', readCheckpoint)
  if (checkpoint === undefined || (needsTombstones && !checkpoint.hasTombstones)) return undefined
  const pack = makePacker()
  for (const entry of checkpoint.live.values()) handOver(connection, () => load(pack(entry)))
  const { sequence, digest, position, forgotten } = checkpoint
  if (isWhole(checkpoint)) return { sequence, digest, position, forgotten }
  warn(`the checkpoint at ${sequence} is broken; replaying the log from its start, and making it anew`)
  await connection.query('load-checkpoint', (tables) => {
    if (tables.checkpoint === checkpoint) tables.checkpoint = undefined
  })
  return undefined
}

/** An entry that was read was not taken, for the reason in `cause`. */
export class NotTaken extends Error {
  override readonly name = 'NotTaken'
}

/** What is thrown at an entry ends the session. */
function handOver(connection: MemoryConnection, take: () => void): void {
  try {
    take()
  } catch (error) {
    connection.close()
    throw new NotTaken('an entry was not taken', { cause: error })
  }
}

function pageOf(
  { entries }: Tables,
  after: bigint,
  through: bigint | undefined,
  limits: PageLimits,
): readonly StoredEntry[] {
  const end = through === undefined ? entries.length : Math.min(Number(through), entries.length)
  const page: StoredEntry[] = []
  let bytes = 0
  for (let at = Number(after); at < end && page.length < limits.entries && bytes < limits.bytes; at++) {
    const entry = entries[at] as StoredEntry
    page.push(entry)
    bytes += entry.value?.length ?? 0
  }
  return page
}
