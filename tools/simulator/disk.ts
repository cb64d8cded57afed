import type { SpooledWrite } from '../../kvs/core/entry.ts'
import { weight } from '../../kvs/core/operation/operation.ts'
import { SlotHeld, type SlotLock } from '../../kvs/slots/index.ts'
import {
  type LogPosition,
  type SpoolChange,
  type SpoolRange,
  type SpoolStorage,
  SpoolStorageError,
} from '../../kvs/spool/index.ts'
import type { SeededRandom } from '../lab/seeded-random.ts'
import type { Lane } from './scheduler.ts'

/** A node's slot on its disk: an identity and a spool. It outlives the node's processes. */
export interface Disk {
  /** What ails the disk now. */
  readonly faults: Set<DiskFault>
  /** Number of writes in the spool. */
  readonly writes: number
  /** Changes whenever the spool does. */
  readonly fingerprint: string
  /**
   * Locks the slot for a process, until it releases the slot or its lane ends. What that process has not flushed by
   * then is forgotten.
   * @throws SlotHeld
   */
  lock(process: Lane): SlotLock
  /**
   * An operator has mended the disk: who has left the slot alone looks at it again, because it could not be read, or
   * because what is in the log by now could not be taken out of it.
   */
  mend(): void
  /** An operator has deleted the spool, which is for a log that is gone. No process may have it open. */
  clear(): void
}

export type DiskFault = 'disk full' | 'disk fails' | 'slow disk'

export interface DiskOptions {
  readonly name: string
  readonly writerId: string
  /** Mean time of a flush. */
  readonly flushMs: number
  readonly random: SeededRandom
  /** What a process gets to see of the storage. */
  readonly storage?: ((storage: SpoolStorage) => SpoolStorage) | undefined
}

interface DiskState extends DiskOptions {
  readonly faults: Set<DiskFault>
  readonly writes: Map<bigint, SpooledWrite>
  /** For a key, the number up to which its writes are superseded. */
  readonly superseded: Map<string, bigint>
  position: LogPosition | undefined
  changes: number
  logId: string | undefined
  holder: Lane | undefined
}

const slowness = 100

export function makeDisk(options: DiskOptions): Disk {
  const disk: DiskState = {
    ...options,
    ...{ faults: new Set(), writes: new Map(), superseded: new Map() },
    ...{ position: undefined, changes: 0, logId: undefined, holder: undefined },
  }
  return {
    faults: disk.faults,
    get writes() {
      return disk.writes.size
    },
    get fingerprint() {
      return `${disk.changes}`
    },
    lock: (process) => lockDisk(disk, process),
    mend() {
      disk.changes++
    },
    clear() {
      disk.changes++
      disk.writes.clear()
      disk.superseded.clear()
      Object.assign(disk, { position: undefined, logId: undefined })
    },
  }
}

function lockDisk(disk: DiskState, process: Lane): SlotLock {
  if (disk.holder && !disk.holder.isEnded) throw new SlotHeld(`another node runs on ${disk.name}`)
  disk.holder = process
  const storage = storageFor(disk, process)
  return {
    writerId: disk.writerId,
    logId: disk.logId,
    spoolStorage: disk.storage?.(storage) ?? storage,
    saveLog(logId) {
      disk.logId = logId
    },
    release() {
      disk.holder = undefined
    },
  }
}

function storageFor(disk: DiskState, process: Lane): SpoolStorage {
  let last: Promise<unknown> = Promise.resolve()

  /** One call after another. */
  function inTurn<T>(act: () => Promise<T>): Promise<T> {
    const result = last.then(act)
    last = result.catch(() => undefined)
    return result
  }

  async function look<T>(read: () => T): Promise<T> {
    await wait(process, disk.random.between(0, 0.2))
    if (disk.faults.has('disk fails')) throw new SpoolStorageError('disk I/O error')
    return read()
  }

  return {
    name: disk.name,
    position: () => inTurn(() => look(() => disk.position)),
    read: (range) => inTurn(() => look(() => readRange(disk, range))),
    change: (change) => inTurn(() => flush(disk, process, () => applyChange(disk, change))),
    shrink: () => inTurn(() => flush(disk, process, () => undefined)),
    close: () => inTurn(async () => undefined),
  }
}

/**
 * The change is on the disk at some moment before it is told to be. A process that is killed in between has changed the
 * disk.
 */
async function flush({ faults, flushMs, random }: DiskState, process: Lane, apply: () => void): Promise<void> {
  const ms = flushMs * (faults.has('slow disk') ? slowness : 1)
  const isFull = faults.has('disk full')
  const isFailing = faults.has('disk fails')
  await wait(process, random.between(0, ms))
  if (!isFull && !(isFailing && random.chance(0.5))) apply()
  await wait(process, random.between(0, ms))
  if (isFull) throw new SpoolStorageError('database or disk is full', 'full')
  if (isFailing) throw new SpoolStorageError('disk I/O error')
}

export function wait(lane: Lane, ms: number): Promise<void> {
  return new Promise((resolve) => lane.after(ms, resolve))
}

function readRange({ writes, superseded }: DiskState, { after, through, ...limits }: SpoolRange): SpooledWrite[] {
  const found: SpooledWrite[] = []
  let bytes = 0
  for (const number of [...writes.keys()].sort((one, other) => (one < other ? -1 : 1))) {
    const spooled = writes.get(number)
    if (spooled === undefined || number <= after || number > through) continue
    bytes += weight(spooled.write)
    if (found.length === limits.writes || (found.length > 0 && bytes > limits.bytes)) break
    found.push({ ...spooled, superseded: number <= (superseded.get(spooled.write.key) ?? 0n) })
  }
  return found
}

function applyChange(disk: DiskState, { removed, last, added, ...change }: SpoolChange): void {
  const { writes, superseded } = disk
  disk.changes++
  for (const number of writes.keys()) if (number <= removed || number > last) writes.delete(number)
  if (added.length === 0) {
    for (const [key, through] of superseded) if (through <= removed) superseded.delete(key)
  }
  for (const one of added) writes.set(one.number, { ...one, superseded: false })
  for (const [key, through, seen] of change.seen ?? []) {
    for (const one of writes.values()) {
      if (one.write.key === key && one.number <= through) writes.set(one.number, { ...one, seen })
    }
  }
  for (const [key, through] of change.superseded) superseded.set(key, through)
  disk.position = change.position
}
