import { open, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Logger } from '../lib/logging.ts'
import { Diverged, type Log, Unavailable, Undecided } from '../log/index.ts'
import { SpoolHeld } from '../spool/index.ts'
import { Locked, openDataDirectory } from './data-directory.ts'
import { findSlots, slotPath } from './numbering.ts'
import { drainOrphan, Unreadable } from './orphaned-spool.ts'

export interface TakeoverOptions {
  readonly directory: string
  /**
   * This node's own slot. It must never be looked into: a process that closes any descriptor of a file loses the locks
   * that it holds on it. https://www.sqlite.org/howtocorrupt.html#_posix_advisory_locks_canceled_by_a_separate_thread_doing_close_
   */
  readonly own: number
  /** The log, for who appends as this writer. */
  readonly logOf: (writerId: string) => Log
  /** Whether this node reaches the log just now. */
  readonly isServing: () => boolean
  readonly logger: Pick<Logger, 'info' | 'warn'>
  readonly lookEveryMs?: number
}

export interface Takeover {
  /**
   * Looks, until the signal aborts, for slots that no node holds and whose spools have writes for this log, and brings
   * those to it. Never rejects. Any number of nodes may do so in one directory: who gets a slot's lock works on it.
   */
  run(logId: string, signal: AbortSignal): Promise<void>
}

export function makeTakeover({
  directory,
  own,
  logOf,
  isServing,
  logger,
  lookEveryMs = 5_000,
}: TakeoverOptions): Takeover {
  /** How the files of a slot were when there was nothing left to do in it: until they change it is passed over. */
  const settled = new Map<number, string>()
  const told = new Map<number | undefined, Set<string>>()

  /** Returns how many writes it has brought to the log. */
  async function visit(number: number, logId: string, signal: AbortSignal): Promise<number> {
    const path = slotPath(directory, number)
    const stamp = await stampOf(path)
    if (stamp === undefined || stamp === settled.get(number)) return 0
    await touch(path)
    const data = openDataDirectory(path)
    const warn = (message: string) => tell(number, message)
    let isSettled = false
    try {
      const drained = await drainOrphan({ data, logId, logOf, logger: { warn } }, signal)
      isSettled = !signal.aborted
      return drained
    } catch (error) {
      isSettled = isLeftAlone(error)
      throw error
    } finally {
      const now = isSettled ? await stampOf(path).catch(() => undefined) : undefined
      if (now !== undefined) settled.set(number, now)
      data.close()
    }
  }

  /** Each message once for each slot; without a slot, of them all. */
  function tell(number: number | undefined, message: string): void {
    const before = told.get(number) ?? new Set()
    const subject = number === undefined ? '' : `the spool of a node that is gone (slot ${number}): `
    if (!before.has(message)) logger.warn(`${subject}${message}`)
    told.set(number, before.add(message))
  }

  /** A slot that a node holds is as it should be, and of an outage the node's own log tells. */
  function tellError(number: number, error: Error): void {
    if ([Locked, SpoolHeld, Unavailable, Undecided].some((kind) => error instanceof kind)) return
    tell(number, `${isLeftAlone(error) ? 'left alone' : 'not brought to the log yet'}: ${error.message}`)
  }

  async function look(logId: string, signal: AbortSignal): Promise<void> {
    for (const number of await findSlots(directory)) {
      if (number === own || !isServing() || signal.aborted) continue
      try {
        const drained = await visit(number, logId, signal)
        if (drained === 0) continue
        logger.info(`took over the spool of a node that is gone (slot ${number}): ${drained} writes are in the log now`)
        told.delete(number)
      } catch (error) {
        if (!signal.aborted && error instanceof Error) tellError(number, error)
      }
    }
  }

  return {
    async run(logId, signal) {
      while (!signal.aborted) {
        await sleep(lookEveryMs * (0.5 + Math.random() / 2), undefined, { signal }).catch(() => undefined)
        await look(logId, signal).catch((error) => tell(undefined, error.message))
      }
    },
  }
}

/** What trying again won't mend, as long as nobody touches the slot. */
function isLeftAlone(error: unknown): boolean {
  return error instanceof Diverged || error instanceof Unreadable
}

/** What changes when a spool does; undefined where there is none. */
async function stampOf(path: string): Promise<string | undefined> {
  const stamps = await Promise.all(['spool.db', 'spool.db-wal'].map((name) => stampOfFile(join(path, name))))
  return stamps.every((stamp) => stamp === '') ? undefined : stamps.join(' ')
}

async function stampOfFile(path: string): Promise<string> {
  try {
    const { ino, size, mtimeMs } = await stat(path)
    return `${ino} ${size} ${mtimeMs}`
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return ''
    throw error
  }
}

/** Taking the lock blocks. On a disk that hangs it is this that does, in the thread pool, and the node goes on. */
async function touch(path: string): Promise<void> {
  const file = await open(join(path, 'node.db'), 'r+')
  try {
    await file.readFile()
  } finally {
    await file.close()
  }
}
