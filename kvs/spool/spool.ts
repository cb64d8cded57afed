import { type Entry, type SpooledWrite, type Write, weight } from '../entry.ts'
import { KvsError } from '../errors.ts'
import type { Seen } from './file.ts'
import { makeThreadedFile, SpoolFileError } from './threaded-file.ts'

/**
 * The writes that this node has accepted and that are not in the log yet, in their order, on its own disk. What changes
 * it is called one at a time.
 */
export interface Spool {
  readonly writes: number
  /** Their weight together. */
  readonly bytes: number
  /** The number of the last write in it, 0n where there is none. */
  readonly last: bigint
  /** How far the node had applied which log when the spool last changed. */
  readonly seen: Seen | undefined
  /** The newest write of the key in here, unless it is superseded. */
  get(key: string): Write | undefined
  /**
   * On return the writes are on disk, flushed, and seen by `get`; their numbers begin with `first`, which is after
   * `last`. Rejects with `spool_full` past the bound and on a full disk, or with `undecided` where a failing disk leaves
   * open whether a restart will find them; none is in the spool then.
   * @param isBound false for writes that must not be refused for the bound's sake
   */
  add(first: bigint, writes: readonly Write[], seen: Seen, isBound?: boolean): Promise<void>
  /** The oldest writes, as many as make a batch; empty where there is none. */
  oldest(): Promise<readonly SpooledWrite[]>
  /**
   * Takes the oldest writes out, since the log has them. A rejection says that the disk could not be told; they are out
   * all the same, and the disk is told with the next change.
   */
  remove(oldest: readonly SpooledWrite[], seen: Seen): Promise<void>
  /** Another node's entry is in the log: what waits here for its key had not seen it, and is superseded. */
  supersede(entry: Entry): void
  close(): Promise<void>
}

/** Past this an emptied file gives its space back. */
const shrinkAboveBytes = 16 * 1024 * 1024

/**
 * Opens the spool, or makes it where there is none, and reads what is in it.
 * @param maxBytes what all writes in it may weigh
 * @throws Error with a sentence that names the file
 */
export async function openSpool(path: string, maxBytes: number): Promise<Spool> {
  const file = makeThreadedFile(path)
  const newest = new Map<string, SpooledWrite>()
  /** Not on disk yet: up to which number the writes of a key are superseded. */
  const superseded = new Map<string, bigint>()
  let writes = 0
  let bytes = 0
  let mostBytes = 0
  let last = 0n
  let removed = 0n
  let seen: Seen | undefined

  function hold(spooled: SpooledWrite): void {
    writes++
    bytes += weight(spooled.write)
    last = spooled.number
    if (!spooled.superseded) newest.set(spooled.write.key, spooled)
  }

  async function load(): Promise<void> {
    seen = await file.seen()
    for (;;) {
      const page = await file.page(last)
      if (page.length === 0) return
      page.forEach(hold)
    }
  }

  async function change(added: readonly SpooledWrite[], newSeen: Seen): Promise<void> {
    const told = [...superseded]
    await file.change({ removed, last, added, superseded: told, seen: newSeen })
    seen = newSeen
    for (const [key, through] of told) if (superseded.get(key) === through) superseded.delete(key)
  }

  await load().catch(async (error) => {
    await file.close().catch(() => undefined)
    throw new Error(`the spool ${path} can’t be read (${error.message}); it may hold writes that are nowhere else`)
  })
  mostBytes = bytes

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
    get seen() {
      return seen
    },
    get: (key) => (newest.size === 0 ? undefined : newest.get(key)?.write),

    async add(first, added, newSeen, isBound = true) {
      const more = added.reduce((sum, write) => sum + weight(write), 0)
      if (isBound && bytes + more > maxBytes) throw new KvsError('spool_full')
      const spooled = added.map((write, index) => ({ number: first + BigInt(index), superseded: false, write }))
      await change(spooled, newSeen).catch((error) => {
        if (error instanceof SpoolFileError && error.isFull) {
          throw new KvsError('spool_full', 'the disk under the spool is full; nothing was stored')
        }
        throw new KvsError(
          'undecided',
          `the spool can’t be written (${error.message}); the write may or may not be in it`,
        )
      })
      spooled.forEach(hold)
      mostBytes = Math.max(mostBytes, bytes)
    },

    async oldest() {
      if (writes === 0) return []
      const page = await file.page(removed)
      return page.map((spooled) => {
        const isSuperseded = spooled.superseded || spooled.number <= (superseded.get(spooled.write.key) ?? 0n)
        return { ...spooled, superseded: isSuperseded }
      })
    },

    async remove(oldest, newSeen) {
      for (const { number, write } of oldest) {
        writes--
        bytes -= weight(write)
        removed = number
        if (newest.get(write.key)?.number === number) newest.delete(write.key)
      }
      await change([], newSeen)
      if (writes > 0 || mostBytes < shrinkAboveBytes) return
      mostBytes = 0
      await file.shrink()
    },

    supersede({ sequence, write: { key } }) {
      if (!newest.has(key) || sequence <= (seen?.sequence ?? 0n)) return
      newest.delete(key)
      superseded.set(key, last)
    },

    close: () => file.close(),
  }
}
