import type { PackedEntry, Reached } from '../../core/entry.ts'
import { deleteKind } from '../../core/operation/delete.ts'
import { kindOfCode, type WriteKind } from '../../core/operation/operation.ts'
import { putKind } from '../../core/operation/put.ts'
import { stampAt } from '../../core/rank.ts'
import { UnknownEntry } from '../index.ts'
import {
  beginReadingCheckpoint,
  checkpointEntries,
  discardCheckpoint,
  readCheckpoint,
} from './checkpoint-statements.ts'
import type { Connection } from './connection.ts'
import { makeRowReader, readSequence } from './copy-rows.ts'
import { isRolledBack } from './postgres-errors.ts'
import { readTimestamp } from './timestamps.ts'

const columns = [
  ...['sequence', 'event_type', 'superseded', 'digest', 'key', 'value', 'content_type'],
  ...['recorded_at', 'deadline', 'stamp', 'origin', 'origin_sequence', 'dependency', 'earlier_version'],
]

/** As `LogSession.replay`, through a sequence. */
export function replay(
  connection: Connection,
  after: bigint,
  through: bigint,
  apply: (entry: PackedEntry) => void,
): Promise<void> {
  const range = `sequence > ${after} AND sequence <= ${through}`
  const rows = `SELECT ${columns} FROM transactions WHERE ${range} ORDER BY sequence`
  const entry = makePackedEntry()
  const originOf = makeTextReader()
  const read = makeRowReader(columns.length, (data, { starts, lengths }) => {
    entry.bytes = data
    entry.sequence = readSequence(data, starts[0] as number)
    entry.kind = kindOf(data.readInt16BE(starts[1]), lengths[5] as number, entry.sequence)
    entry.superseded = data[starts[2] as number] === 1
    entry.digestStart = starts[3] as number
    entry.digestLength = lengths[3] as number
    entry.keyStart = starts[4] as number
    entry.keyLength = lengths[4] as number
    entry.valueStart = starts[5] as number
    entry.valueLength = lengths[5] as number
    entry.contentType = textOf(data, starts[6] as number, lengths[6] as number)
    entry.recordedAt = readTimestamp(data, starts[7] as number)
    entry.deadline = deadlineOf(data, starts[8] as number, lengths[8] as number)
    entry.stamp = stampOf(data, starts[9] as number, lengths[9] as number, entry.recordedAt)
    entry.origin = (lengths[10] as number) < 0 ? undefined : originOf(data, starts[10] as number, lengths[10] as number)
    entry.originSequence = entry.origin === undefined ? 0 : readSequence(data, starts[11] as number)
    entry.after = textOf(data, starts[12] as number, lengths[12] as number)
    entry.earlier = textOf(data, starts[13] as number, lengths[13] as number)
    apply(entry)
  })
  return connection.copy(`COPY (${rows}) TO STDOUT (FORMAT binary)`, read)
}

/**
 * As `LogSession.loadCheckpoint`. A checkpoint whose rows do not have the checksum that it was saved with is discarded,
 * so that a new one is made. One that Postgres can't read is skipped. Both are logged through `warn`.
 */
export async function loadCheckpoint(
  connection: Connection,
  load: (entry: PackedEntry) => void,
  warn: (message: string) => void,
  needsTombstones: boolean,
): Promise<Reached | undefined> {
  try {
    return await loadInTransaction(connection, load, warn, needsTombstones)
  } catch (error) {
    if (!isRolledBack(error)) throw error
    warn(`the checkpoint can’t be read (${error.message}); replaying the log from its start`)
    await connection.query({ text: 'ROLLBACK' })
    return undefined
  }
}

async function loadInTransaction(
  connection: Connection,
  load: (entry: PackedEntry) => void,
  warn: (message: string) => void,
  needsTombstones: boolean,
): Promise<Reached | undefined> {
  await connection.query({ text: beginReadingCheckpoint })
  const checkpoint = await readCheckpoint(connection, needsTombstones)
  const found = checkpoint && (await loadEntries(connection, load))
  await connection.query({ text: 'COMMIT' })
  if (!checkpoint || !found) return undefined
  if (found.isWhole && found.keys === checkpoint.keys && found.sum.equals(checkpoint.checksum)) return checkpoint
  warn(`the checkpoint at ${checkpoint.sequence} is broken; replaying the log from its start, and making it anew`)
  await discardCheckpoint(connection, checkpoint)
  return undefined
}

/** Loads the entries up to the first that lacks its value, and counts and hashes all of them. */
async function loadEntries(connection: Connection, load: (entry: PackedEntry) => void) {
  const entry = makePackedEntry()
  const originOf = makeTextReader()
  const sum = Buffer.alloc(8)
  let keys = 0
  let isWhole = true
  const read = makeRowReader(13, (data, { starts, lengths }) => {
    keys++
    for (let at = 0; at < sum.length; at++) sum[at] = byte(sum, at) ^ byte(data, (starts[12] as number) + at)
    const lives = data[starts[1] as number] === 1
    if (lives && (lengths[3] as number) < 0) isWhole = false
    if (!isWhole) return
    entry.bytes = data
    entry.sequence = readSequence(data, starts[0] as number)
    entry.kind = lives ? putKind.name : deleteKind.name
    entry.keyStart = starts[2] as number
    entry.keyLength = lengths[2] as number
    entry.valueStart = starts[3] as number
    entry.valueLength = lengths[3] as number
    entry.contentType = textOf(data, starts[4] as number, lengths[4] as number)
    entry.digestStart = starts[5] as number
    entry.digestLength = lengths[5] as number
    entry.recordedAt = readTimestamp(data, starts[6] as number)
    entry.deadline = deadlineOf(data, starts[7] as number, lengths[7] as number)
    entry.stamp = stampOf(data, starts[8] as number, lengths[8] as number, entry.recordedAt)
    entry.origin = (lengths[9] as number) < 0 ? undefined : originOf(data, starts[9] as number, lengths[9] as number)
    entry.after = textOf(data, starts[10] as number, lengths[10] as number)
    entry.earlier = textOf(data, starts[11] as number, lengths[11] as number)
    load(entry)
  })
  await connection.copy(`COPY (${checkpointEntries}) TO STDOUT (FORMAT binary)`, read)
  return { keys, sum, isWhole }
}

function byte(bytes: Buffer, at: number): number {
  return bytes[at] as number
}

function stampOf(data: Buffer, start: number, length: number, recordedAt: number): number {
  return length < 0 ? stampAt(recordedAt) : readSequence(data, start)
}

/** An entry of an unknown kind stops the node: a view that skips it would be one that no log has. */
function kindOf(eventType: number, valueLength: number, sequence: number): WriteKind {
  const kind = kindOfCode(eventType, valueLength >= 0)
  if (kind === undefined) throw new UnknownEntry(sequence, eventType)
  return kind
}

/** Reads a text that most rows have in common, without a new string for each. */
function makeTextReader(): (data: Buffer, start: number, length: number) => string {
  let bytes = Buffer.alloc(0)
  let text = ''
  return (data, start, length) => {
    if (bytes.length !== length || bytes.compare(data, start, start + length) !== 0) {
      bytes = Buffer.from(data.subarray(start, start + length))
      text = bytes.toString()
    }
    return text
  }
}

function textOf(data: Buffer, start: number, length: number): string | undefined {
  return length < 0 ? undefined : data.toString('utf8', start, start + length)
}

function deadlineOf(data: Buffer, start: number, length: number): number | undefined {
  return length < 0 ? undefined : readTimestamp(data, start)
}

function makePackedEntry(): PackedEntry {
  return {
    sequence: 0,
    kind: putKind.name,
    superseded: false,
    contentType: undefined,
    recordedAt: 0,
    deadline: undefined,
    stamp: 0,
    origin: undefined,
    originSequence: 0,
    after: undefined,
    earlier: undefined,
    bytes: Buffer.alloc(0),
    digestStart: 0,
    digestLength: 0,
    keyStart: 0,
    keyLength: 0,
    valueStart: 0,
    valueLength: 0,
  }
}
