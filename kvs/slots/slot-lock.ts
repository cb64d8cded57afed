import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { makePrivateFile } from '../lib/files.ts'
import type { Random } from '../lib/random.ts'
import { makeSqliteStorage, mayHoldWrites } from '../spool/index.ts'
import { SlotHeld, type SlotLock } from './slot-storage.ts'

/**
 * Locks the slot in a directory, and creates the directory, readable by its owner only, when it does not exist. The
 * lock is SQLite's on the file `node.db`: the kernel holds it for this process and releases it with the process.
 * @throws SlotHeld, or an Error that says why the directory can't be used
 */
export function lockSlot(path: string, random: Random): SlotLock {
  try {
    mkdirSync(path, { recursive: true, mode: directoryMode() })
    return lockDatabase(path, random)
  } catch (error) {
    if (error instanceof SlotHeld || !(error instanceof Error)) throw error
    const advice = mayHoldWrites(path)
      ? 'it may hold writes that are nowhere else, so make it usable again'
      : 'set KVS_DATA_DIR to another'
    throw new Error(`the directory ${path} can’t be used (${error.message}): ${advice}`, { cause: error })
  }
}

/** The embedded Postgres of root runs as another user, who must be able to pass through the directory. */
function directoryMode(): number {
  return process.getuid?.() === 0 ? 0o711 : 0o700
}

function lockDatabase(path: string, random: Random): SlotLock {
  makePrivateFile(join(path, 'node.db'))
  const database = new DatabaseSync(join(path, 'node.db'))
  try {
    database.exec('PRAGMA locking_mode = EXCLUSIVE; PRAGMA synchronous = FULL; BEGIN EXCLUSIVE')
    database.exec('CREATE TABLE IF NOT EXISTS node (only_row INTEGER PRIMARY KEY CHECK (only_row = 1), writer_id TEXT)')
    database.prepare('INSERT OR IGNORE INTO node VALUES (1, ?)').run(random.uuid())
    database.exec('CREATE TABLE IF NOT EXISTS log (only_row INTEGER PRIMARY KEY CHECK (only_row = 1), log_id TEXT)')
    const node = database.prepare('SELECT writer_id FROM node').get()
    const log = database.prepare('SELECT log_id FROM log').get()
    database.exec('COMMIT') // in the exclusive locking mode the lock stays
    return {
      writerId: String(node?.writer_id),
      logId: log && String(log.log_id),
      spoolStorage: makeSqliteStorage(join(path, 'spool.db')),
      saveLog: (logId) => saveLog(database, logId),
      release: () => database.close(),
    }
  } catch (error) {
    database.close()
    if (error instanceof Error && /database is locked/.test(error.message)) {
      throw new SlotHeld(`another node runs on ${path}; give this one a KVS_DATA_DIR of its own`)
    }
    throw error
  }
}

function saveLog(database: DatabaseSync, logId: string): void {
  try {
    database.prepare('INSERT OR REPLACE INTO log VALUES (1, ?)').run(logId)
  } catch {
    // The disk is full. The next start saves it, and only a warning depends on it.
  }
}
