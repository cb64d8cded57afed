import type { Entry, SpooledWrite } from '../core/entry.ts'
import { KvsError } from '../core/errors.ts'
import { batchLimits } from '../core/limits.ts'
import { setsValue, type Write, weight } from '../core/operation/operation.ts'
import { owned } from '../lib/buffers.ts'
import { unreadable } from './spool-check.ts'
import type { LogPosition } from './spool-file.ts'
import { makeThreadedFile, SpoolFileError } from './threaded-spool-file.ts'

/**
 * The writes that this node has accepted and that are not in the log yet, in their order, on its own disk. What changes
 * it is called one at a time.
 */
export interface Spool {
  readonly writes: number
  /** Their weight together. */
  readonly bytes: number
  /** The number of the last write that was ever in it since it was opened, 0n where there was none. */
  readonly last: bigint
  /** How far the node had applied which log when the spool last changed. */
  readonly position: LogPosition | undefined
  /** The newest write of the key in here, unless it is superseded or in the log. */
  get(key: string): Write | undefined
  /**
   * On return the writes are on disk, flushed, and seen by `get`; their numbers begin with `first`, which is after
   * `last`. Rejects with `spool_full` past the bound and on a full disk, or with `undecided` where a failing disk leaves
   * open whether a restart will find them; none is in the spool then.
   * @param isBound false for writes that must not be refused for the bound's sake
   */
  add(first: bigint, writes: readonly Write[], position: LogPosition, isBound?: boolean): Promise<void>
  /**
   * The oldest writes, as many as make a batch, or that part of it, and at least one; empty where there is none. Rejects
   * with a `SpoolFileError`.
   */
  oldest(part?: number): Promise<readonly SpooledWrite[]>
  /** The log has the writes up to this number, and so has the view: from now on that answers for them. */
  hide(through: bigint): void
  /**
   * Takes the oldest writes out, since the log has them. A rejection says that the disk could not be told; they are out
   * all the same, and the disk is told with the next change.
   */
  remove(oldest: readonly SpooledWrite[], position: LogPosition): Promise<void>
  /** Another node's entry is in the log: what waits here for its key had not seen it, and is superseded. */
  supersede(entry: Entry): void
  close(): Promise<void>
}

/** There is no spool yet, and no space to make one. */
export class NoSpace extends Error {
  override readonly name = 'NoSpace'
}

/** Another process has the spool open: one that is about to end, where this one holds the lock beside it. */
export class SpoolHeld extends Error {
  override readonly name = 'SpoolHeld'
}

/** Past this an emptied file gives its space back. */
const shrinkAboveBytes = 16 * 1024 * 1024

/**
 * Opens the spool, or makes it where there is none, and reads what is in it.
 * @param maxBytes what all writes in it may weigh
 * @param isRead false where `get` is never asked: then no values are kept in memory
 * @throws NoSpace, SpoolHeld, or an Error with a sentence that names the file
 */
export async function openSpool(path: string, maxBytes: number, isRead = true): Promise<Spool> {
  const file = makeThreadedFile(path)
  const newest = new Map<string, { readonly number: bigint; readonly write: Write | undefined }>()
  /** Not on disk yet: up to which number the writes of a key are superseded. */
  const superseded = new Map<string, bigint>()
  let writes = 0
  let bytes = 0
  let mostBytes = 0
  let last = 0n
  let removed = 0n
  let position: LogPosition | undefined

  function hold(spooled: SpooledWrite): void {
    const { number, write } = spooled
    writes++
    bytes += weight(write)
    mostBytes = Math.max(mostBytes, bytes)
    last = number
    if (!spooled.superseded) newest.set(write.key, { number, write: isRead ? write : undefined })
  }

  async function load(): Promise<void> {
    position = await file.position()
    for (;;) {
      const page = await file.read({ after: last, through: endOfNumbers, ...batchLimits })
      if (page.length === 0) return
      page.forEach(hold)
    }
  }

  async function change(added: readonly SpooledWrite[], at: LogPosition): Promise<void> {
    const told = [...superseded]
    await file.change({ removed, last, added, superseded: told, position: at })
    position = at
    for (const [key, through] of told) if (superseded.get(key) === through) superseded.delete(key)
  }

  await load().catch(async (error) => {
    await file.close().catch(() => undefined)
    if (error.isFull) throw new NoSpace(`there is no space for the spool ${path}`)
    if (/database is locked/.test(error.message)) throw new SpoolHeld(`another process has the spool ${path} open`)
    throw new Error(unreadable(path, error.message))
  })

  return {
    get writes() {
      return writes
    },
    get bytes() {
      return bytes
    },
    get last() {
      return last
    },
    get position() {
      return position
    },
    get: (key) => (newest.size === 0 ? undefined : newest.get(key)?.write),

    async add(first, added, at, isBound = true) {
      const more = added.reduce((sum, write) => sum + weight(write), 0)
      if (isBound && bytes + more > maxBytes) throw new KvsError('spool_full')
      const spooled = added.map((write, index) => {
        return { number: first + BigInt(index), superseded: false, write: withOwnMemory(write) }
      })
      await change(spooled, at).catch((error) => {
        if (!(error instanceof SpoolFileError)) throw error
        if (error.isFull) throw new KvsError('spool_full', 'the disk under the spool is full; nothing was stored')
        throw new KvsError(
          'undecided',
          `the spool can’t be written (${error.message}); the write may or may not be in it`,
        )
      })
      spooled.forEach(hold)
    },

    async oldest(part = 1) {
      if (writes === 0) return []
      const limits = { writes: Math.ceil(batchLimits.writes * part), bytes: batchLimits.bytes * part }
      const page = await file.read({ after: removed, through: last, ...limits })
      return page.map((spooled) => {
        const isSuperseded = spooled.superseded || spooled.number <= (superseded.get(spooled.write.key) ?? 0n)
        return { ...spooled, superseded: isSuperseded }
      })
    },

    hide(through) {
      for (const [key, { number }] of newest) if (number <= through) newest.delete(key)
    },

    async remove(oldest, at) {
      for (const { number, write } of oldest) {
        writes--
        bytes -= weight(write)
        removed = number
        if (newest.get(write.key)?.number === number) newest.delete(write.key)
      }
      await change([], at)
      if (writes > 0 || mostBytes < shrinkAboveBytes) return
      // It is tried again when the spool is empty the next time.
      await file
        .shrink()
        .then(() => (mostBytes = 0))
        .catch(() => undefined)
    },

    supersede({ sequence, write: { key } }) {
      if (!newest.has(key) || sequence <= (position?.sequence ?? 0n)) return
      newest.delete(key)
      superseded.set(key, last)
    },

    close: () => file.close(),
  }
}

/** A window on some bytes of a larger piece of memory would keep all of that, which the bound knows nothing of. */
function withOwnMemory(write: Write): Write {
  return setsValue(write) ? { ...write, value: owned(write.value) } : write
}

/** Of an SQLite integer. */
const endOfNumbers = 2n ** 63n - 1n
