import { randomBytes } from 'node:crypto'
import type { Clock } from '../../lib/clock.ts'
import { crc32c } from './crc32c.ts'

/**
 * `pg_control` and the first page of the write-ahead log as Postgres 18 has them (ControlFileData in pg_control.h,
 * XLogLongPageHeaderData in xlog_internal.h), on a 64-bit machine with the low byte first.
 */
const format = { controlVersion: 1800, walMagic: 0xd118, floatFormat: 1_234_567 }
const at = {
  ...{ systemIdentifier: 0, version: 8, state: 16, time: 24, checkpoint: 32, checkpointCopy: 40, floatFormat: 208 },
  ...{ walBlockSize: 224, walSegmentSize: 228, nonce: 257, crc: 292 },
}
/** Offsets in CheckPoint, of which `checkpointCopy` is one. */
const inCheckpoint = { redo: 0, timeline: 8, time: 64, length: 88 }
const nonceLength = 32
const shutDown = 1
const walPageHeaderLength = 40
const walRecordHeaderLength = 24

/** What tells one cluster from all others. */
export interface Identity {
  readonly systemIdentifier: bigint
  /** Postgres makes salts from it for users that do not exist, so it is a secret. */
  readonly nonce: Buffer
  /** When the cluster was made, in seconds since 1970. */
  readonly time: bigint
}

/** The system identifier has the time in its upper half, as Postgres makes it; its lower half is random here. */
export function makeIdentity(clock: Clock): Identity {
  const time = BigInt(Math.floor(clock.wallTime() / 1000))
  return {
    systemIdentifier: (time << 32n) | BigInt(randomBytes(4).readUInt32LE()),
    nonce: randomBytes(nonceLength),
    time,
  }
}

/**
 * The control file without an identity: the same for every cluster that was made the same way. No server accepts it,
 * since its checksum is wrong.
 */
export function withoutIdentity(control: Buffer): Buffer {
  const { systemIdentifier, nonce, time } = { systemIdentifier: 0n, nonce: Buffer.alloc(nonceLength), time: 0n }
  const bare = withIdentity(control, { systemIdentifier, nonce, time })
  bare.writeUInt32LE(0, at.crc)
  return bare
}

/**
 * Throws unless this is the control file of a cluster that was shut down, and both are in the format that this file
 * knows. With wrong offsets the checksum would not match.
 */
export function checkFormat(control: Buffer, wal: Buffer): void {
  const found = {
    controlVersion: control.readUInt32LE(at.version),
    walMagic: wal.readUInt16LE(),
    floatFormat: control.readDoubleLE(at.floatFormat),
  }
  const isRight = Object.entries(format).every(([name, value]) => found[name as keyof typeof found] === value)
  if (!isRight || crc32c(control.subarray(0, at.crc)) !== control.readUInt32LE(at.crc)) {
    throw new Error(`pg_control or the log is of an unknown format: ${JSON.stringify({ found, known: format })}`)
  }
  if (control.readUInt32LE(at.state) !== shutDown) throw new Error('the cluster was not shut down')
}

/** The files that a cluster begins with. */
export interface FirstFiles {
  /** The content of `global/pg_control`. */
  readonly control: Buffer
  /** The name of the log's first file, below `pg_wal`. */
  readonly walFile: string
  /** The beginning of that file; zeros follow. */
  readonly wal: Buffer
  /** The length of that file in bytes. */
  readonly walFileLength: number
}

/**
 * Gives a cluster an identity and an empty write-ahead log, as pg_resetwal does, which the embedded binaries lack. The
 * log begins in the segment after the last one, above every page's LSN, with the checkpoint that the control file
 * names.
 * @param control that of a cluster that was shut down, with or without an identity
 */
export function beginLog(control: Buffer, identity: Identity): FirstFiles {
  const next = withIdentity(control, identity)
  const segmentLength = next.readUInt32LE(at.walSegmentSize)
  const segment = next.readBigUInt64LE(at.checkpointCopy + inCheckpoint.redo) / BigInt(segmentLength) + 1n
  const redo = segment * BigInt(segmentLength) + BigInt(walPageHeaderLength)
  next.writeBigUInt64LE(redo, at.checkpoint)
  next.writeBigUInt64LE(redo, at.checkpointCopy + inCheckpoint.redo)
  next.writeUInt32LE(crc32c(next.subarray(0, at.crc)), at.crc)

  const timeline = next.readUInt32LE(at.checkpointCopy + inCheckpoint.timeline)
  const header = Buffer.alloc(walPageHeaderLength)
  header.writeUInt16LE(format.walMagic, 0)
  header.writeUInt16LE(2, 2) // XLP_LONG_HEADER
  header.writeUInt32LE(timeline, 4)
  header.writeBigUInt64LE(segment * BigInt(segmentLength), 8)
  header.writeBigUInt64LE(identity.systemIdentifier, 24)
  header.writeUInt32LE(segmentLength, 32)
  header.writeUInt32LE(next.readUInt32LE(at.walBlockSize), 36)
  const checkpoint = next.subarray(at.checkpointCopy, at.checkpointCopy + inCheckpoint.length)
  return {
    control: next,
    walFile: walFileName(timeline, segment, segmentLength),
    wal: Buffer.concat([header, shutdownCheckpoint(checkpoint)]),
    walFileLength: segmentLength,
  }
}

function withIdentity(control: Buffer, { systemIdentifier, nonce, time }: Identity): Buffer {
  const written = Buffer.from(control)
  written.writeBigUInt64LE(systemIdentifier, at.systemIdentifier)
  written.writeBigInt64LE(time, at.time)
  written.writeBigInt64LE(time, at.checkpointCopy + inCheckpoint.time)
  nonce.copy(written, at.nonce)
  return written
}

/** An XLogRecord of the kind XLOG_CHECKPOINT_SHUTDOWN. That kind is 0, and so is its resource manager. */
function shutdownCheckpoint(checkpoint: Buffer): Buffer {
  const data = Buffer.concat([Buffer.from([255, checkpoint.length]), checkpoint]) // 255: XLR_BLOCK_ID_DATA_SHORT
  const header = Buffer.alloc(walRecordHeaderLength)
  header.writeUInt32LE(walRecordHeaderLength + data.length, 0)
  header.writeUInt32LE(crc32c(data, header.subarray(0, 20)), 20)
  return Buffer.concat([header, data])
}

function walFileName(timeline: number, segment: bigint, segmentLength: number): string {
  const inEach = 0x1_0000_0000n / BigInt(segmentLength)
  const parts = [BigInt(timeline), segment / inEach, segment % inEach]
  return parts.map((part) => part.toString(16).toUpperCase().padStart(8, '0')).join('')
}
