import { randomUUID } from 'node:crypto'
import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { makePrivateFile } from '../lib/files.ts'
import { mayHoldWrites } from '../spool/index.ts'

/** A node's own directory: what it is in the log, and the proof that no other node runs on it. */
export interface DataDirectory {
  readonly path: string
  /** This directory's identity as a writer in the log; made once, kept for ever. */
  readonly writerId: string
  /** The log that the directory was last used with. */
  readonly logId: string | undefined
  /** Where the disk takes it: nothing but a warning depends on it. */
  rememberLog(logId: string): void
  /** Lets another node have the directory. The operating system does the same for a killed process. */
  close(): void
}

/** Another process holds the directory. */
export class Locked extends Error {
  override readonly name = 'Locked'
}

/**
 * Makes the directory where there is none, for its owner alone, and locks it. The lock is SQLite's on a file in it, held by the kernel for
 * this process and released with it, so that it can't be stale.
 * @throws Locked, or an Error that says why it can't be used
 */
export function openDataDirectory(path: string): DataDirectory {
  try {
    mkdirSync(path, { recursive: true, mode: modeOf() })
    return open(path)
  } catch (error) {
    if (error instanceof Locked || !(error instanceof Error)) throw error
    const advice = mayHoldWrites(path)
      ? 'it may hold writes that are nowhere else, so make it usable again'
      : 'set KVS_DATA_DIR to another'
    throw new Error(`the directory ${path} can’t be used (${error.message}): ${advice}`, { cause: error })
  }
}

/** The embedded Postgres of root runs as another user, who has to get through to what is its own. */
function modeOf(): number {
  return process.getuid?.() === 0 ? 0o711 : 0o700
}

function open(path: string): DataDirectory {
  makePrivateFile(join(path, 'node.db'))
  const database = new DatabaseSync(join(path, 'node.db'))
  try {
    database.exec('PRAGMA locking_mode = EXCLUSIVE; PRAGMA synchronous = FULL; BEGIN EXCLUSIVE')
    database.exec('CREATE TABLE IF NOT EXISTS node (only_row INTEGER PRIMARY KEY CHECK (only_row = 1), writer_id TEXT)')
    database.prepare('INSERT OR IGNORE INTO node VALUES (1, ?)').run(randomUUID())
    database.exec('CREATE TABLE IF NOT EXISTS log (only_row INTEGER PRIMARY KEY CHECK (only_row = 1), log_id TEXT)')
    const node = database.prepare('SELECT writer_id FROM node').get()
    const log = database.prepare('SELECT log_id FROM log').get()
    database.exec('COMMIT') // in this locking mode the lock stays
    return {
      path,
      writerId: String(node?.writer_id),
      logId: log && String(log.log_id),
      rememberLog(logId) {
        try {
          database.prepare('INSERT OR REPLACE INTO log VALUES (1, ?)').run(logId)
        } catch {
          // on a full disk; there is another start
        }
      },
      close: () => database.close(),
    }
  } catch (error) {
    database.close()
    if (error instanceof Error && /database is locked/.test(error.message)) {
      throw new Locked(`another node runs on ${path}; give this one a KVS_DATA_DIR of its own`)
    }
    throw error
  }
}
