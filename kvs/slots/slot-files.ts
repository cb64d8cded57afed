import { open, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { type Random, systemRandom } from '../lib/random.ts'
import { mayHoldWrites } from '../spool/index.ts'
import { readLastLog, writeLastLog } from './last-log.ts'
import { lockSlot } from './slot-lock.ts'
import { listSlots, slotPath } from './slot-paths.ts'
import type { SlotStorage } from './slot-storage.ts'

/** The slots of a data directory on disk. */
export function makeSlotFiles(directory: string, random: Random = systemRandom): SlotStorage {
  const path = (slot: number) => slotPath(directory, slot)
  return {
    path,
    list: () => listSlots(directory),
    lock: async (slot) => lockSlot(path(slot), random),
    async lockExisting(slot) {
      await readLockFile(path(slot))
      return lockSlot(path(slot), random)
    },
    mayHoldWrites: (slot) => mayHoldWrites(path(slot)),
    fingerprint: (slot) => fingerprintSpool(path(slot)),
    lastLog: () => readLastLog(directory),
    saveLastLog: (logId) => writeLastLog(directory, logId, random),
  }
}

async function fingerprintSpool(path: string): Promise<string | undefined> {
  const parts = await Promise.all(['spool.db', 'spool.db-wal'].map((name) => fingerprintFile(join(path, name))))
  return parts.every((part) => part === '') ? undefined : parts.join(' ')
}

async function fingerprintFile(path: string): Promise<string> {
  try {
    const { ino, size, mtimeMs } = await stat(path)
    return `${ino} ${size} ${mtimeMs}`
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return ''
    throw error
  }
}

/**
 * Reads the lock's file in the thread pool. Taking the lock blocks the event loop: on a disk that hangs, this hangs
 * instead, and the node goes on.
 */
async function readLockFile(path: string): Promise<void> {
  const file = await open(join(path, 'node.db'), 'r+')
  try {
    await file.readFile()
  } finally {
    await file.close()
  }
}
