import type { Entry, SeenValue, SpooledWrite } from '../core/entry.ts'
import { KvsError } from '../core/errors.ts'
import { batchLimits } from '../core/limits.ts'
import { setsValue, type Write, weight } from '../core/operation/operation.ts'
import { type Landed, nothingLanded, readLanded } from './landed-writes.ts'
import { makeNewestWrites } from './newest-writes.ts'
import { withOwnMemory } from './own-memory.ts'
import { additionError, openingError } from './spool-errors.ts'
import type { LogPosition, SpoolStorage } from './spool-storage.ts'
import { makeSpooledDeadlines, type SpooledDeadlines } from './spooled-deadlines.ts'
import { type Stored, store } from './storing.ts'
import { asKnown, noteOwn, supersedeKey } from './superseding.ts'

/**
 * The queue of writes that this node has accepted and that are not in the log yet, in the order of their numbers. Calls
 * of `add` and `remove` must not overlap.
 */
export interface Spool {
  /** Number of writes in the spool. */
  readonly writes: number
  /** Weight of all writes in the spool, in bytes. */
  readonly bytes: number
  /** Number of the last write that the spool has had since it was opened; 0n before the first one. */
  readonly last: bigint
  /** Position of the node at the last change of the spool; undefined before the first one. */
  readonly position: LogPosition | undefined
  /** The newest write of the key; undefined when there is none, or when it is superseded or hidden. */
  get(key: string): Write | undefined
  /** The keys for which `get` has a write. They may change on the way. */
  keys(): Iterable<string>
  /**
   * Has `act` called for each key for which `get` has changed its answer, in the same step. It replaces the last one.
   */
  onChange(act: (key: string) => void): void
  /**
   * Stores writes under the numbers from `first` on, which must be greater than `last`. On return the writes are
   * durable, and `get` returns them. Rejects with `spool_full` past the bound or on a full disk, or with `undecided`
   * when a failing disk leaves open whether a restart will find them. After a rejection the spool has none of them.
   * @param isBound false for writes that must not be refused because of the bound
   * @param seenOf what the log has of a key at this position
   */
  add(
    first: bigint,
    writes: readonly Write[],
    position: LogPosition,
    isBound?: boolean,
    seenOf?: (key: string) => SeenValue,
  ): Promise<void>
  /**
   * Reads the oldest writes, as many as one batch holds; empty when the spool is. Rejects with a `SpoolStorageError`.
   * @param part fraction of a batch; at least one write is read
   */
  oldest(part?: number): Promise<readonly SpooledWrite[]>
  /** Whether the spool has no newer write of the key, and this one is not superseded. */
  isNewest(spooled: Pick<SpooledWrite, 'number' | 'write'>): boolean
  /** Makes `get` ignore the writes up to and including this number, because the log and the view have them. */
  hide(through: bigint): void
  /**
   * Removes the oldest writes, because the log has them. A rejection says that the removal is not durable yet: the
   * spool has removed the writes nevertheless, and the next change makes that durable.
   */
  remove(oldest: readonly SpooledWrite[], position: LogPosition): Promise<void>
  /**
   * Tells that the log has the writes up to a number, not superseded, before the entries around them are read:
   * `supersede` then knows which entries come before them. Rejects with a `SpoolStorageError`.
   */
  noteLanded(landed: Landed): Promise<void>
  /** Tells how far the log has this node's writes, whichever way they came there, before entries are read. */
  noteCommitted(committed: Landed): void
  /**
   * Marks the writes of the entry's key as superseded: another node appended the entry, and they had not seen it. A
   * write that has landed behind the entry is not: `get` goes on returning it. An expiry supersedes nothing: no client
   * asked for it, and the writes may renew the key. Nor does an entry of another log: a write that lands after it is
   * the later one. It only ends `get` for a write that has landed before it.
   */
  supersede(entry: Entry): void
  /** Takes note of an entry of this node's, as it is read: writes of its key that wait come after it, and see it. */
  noteOwn(entry: Entry): void
  /**
   * Calls `visit` for keys of which a write in the spool has come to its deadline, at most `most` of them, each once.
   * `get` goes on returning such a write.
   * @param now the log server's clock, in milliseconds since 1970
   */
  lapse(now: number, most: number, visit: (key: string) => void): void
  close(): Promise<void>
}

export interface SpoolOptions {
  readonly storage: SpoolStorage
  /** Maximal weight of all writes, in bytes. */
  readonly maxBytes: number
  /** False when `get` is never called: the spool then keeps no values in memory. The default is true. */
  readonly keepsValues?: boolean
}

/** An emptied spool returns its space to the disk if it has weighed more than this, in bytes. */
const shrinkAboveBytes = 16 * 1024 * 1024

/** Largest number that a storage takes: SQLite's integers have 64 bits. */
const maxNumber = 2n ** 63n - 1n

/** State of an open spool. */
interface SpoolState extends Stored {
  readonly maxBytes: number
  readonly keepsValues: boolean
  /** Of the writes, and of those that have left since the spool was last empty. */
  readonly deadlines: SpooledDeadlines
  writes: number
  bytes: number
  /** Highest value of `bytes` since the storage was last shrunk. */
  peakBytes: number
}

/**
 * Opens a spool and reads what its storage has.
 * @throws NoSpace, Outdated, SpoolHeld, or an Error with a sentence that names the storage
 */
export async function openSpool({ storage, maxBytes, keepsValues = true }: SpoolOptions): Promise<Spool> {
  const state: SpoolState = {
    ...{ storage, maxBytes, keepsValues, newest: makeNewestWrites(), superseded: new Map(), seen: new Map() },
    deadlines: makeSpooledDeadlines(),
    ...{ writes: 0, bytes: 0, peakBytes: 0, last: 0n, removed: 0n, position: undefined },
    ...{ landed: nothingLanded, committed: nothingLanded },
  }
  await load(state).catch(async (error) => {
    await storage.close().catch(() => undefined)
    throw openingError(storage.name, error)
  })

  return {
    get writes() {
      return state.writes
    },
    get bytes() {
      return state.bytes
    },
    get last() {
      return state.last
    },
    get position() {
      return state.position
    },
    get: (key) => (state.newest.size === 0 ? undefined : state.newest.get(key)?.write),
    keys: () => state.newest.keys(),
    onChange: (act) => state.newest.onChange(act),
    add: (first, writes, position, isBound = true, seenOf = undefined) =>
      addWrites(state, { first, writes, position, isBound, seenOf }),
    oldest: (part = 1) => readOldest(state, part),
    isNewest: ({ number, write }) => state.newest.get(write.key)?.number === number,
    hide: (through) => hideThrough(state, through),
    remove: (oldest, position) => removeOldest(state, oldest, position),
    async noteLanded(landed) {
      state.landed = { ...landed, newest: new Map() }
      if (state.writes > 0) state.landed = await readLanded(storage, state.removed, landed, keepsValues)
    },
    noteCommitted(committed) {
      state.committed = committed
    },
    supersede: (entry) => supersedeKey(state, entry),
    noteOwn: (entry) => noteOwn(state, entry),
    lapse: (now, most, visit) => state.deadlines.lapse(now, most, visit),
    close: () => storage.close(),
  }
}

async function load(state: SpoolState): Promise<void> {
  state.position = await state.storage.position()
  for (;;) {
    const page = await state.storage.read({ after: state.last, through: maxNumber, ...batchLimits })
    if (page.length === 0) return
    for (const spooled of page) include(state, spooled)
  }
}

/** Counts and indexes a write that is stored. */
function include(state: SpoolState, { number, write, superseded, seen }: SpooledWrite): void {
  state.writes++
  state.bytes += weight(write)
  state.peakBytes = Math.max(state.peakBytes, state.bytes)
  state.last = number
  if (!superseded) state.newest.set(write.key, { number, write: state.keepsValues ? write : undefined, seen })
  if (setsValue(write) && write.deadline !== undefined) state.deadlines.add(write.key, write.deadline)
}

interface Addition {
  readonly first: bigint
  readonly writes: readonly Write[]
  readonly position: LogPosition
  readonly isBound: boolean
  readonly seenOf: ((key: string) => SeenValue) | undefined
}

async function addWrites(state: SpoolState, { first, writes, position, isBound, seenOf }: Addition): Promise<void> {
  const bytes = writes.reduce((sum, write) => sum + weight(write), 0)
  if (isBound && state.bytes + bytes > state.maxBytes) throw new KvsError('spool_full')
  const added = writes.map((write, index) => {
    return { number: first + BigInt(index), superseded: false, write: withOwnMemory(write), seen: seenOf?.(write.key) }
  })
  await store(state, added, position).catch((error) => {
    throw additionError(error)
  })
  for (const spooled of added) include(state, spooled)
}

async function readOldest(state: SpoolState, part: number): Promise<readonly SpooledWrite[]> {
  if (state.writes === 0) return []
  const page = await state.storage.read({
    after: state.removed,
    through: state.last, // what a failed change has left above it was never accepted
    writes: Math.ceil(batchLimits.writes * part),
    bytes: batchLimits.bytes * part,
  })
  return page.map((spooled) => asKnown(state, spooled))
}

function hideThrough({ newest }: SpoolState, through: bigint): void {
  for (const [key, { number }] of newest.entries()) if (number <= through) newest.delete(key)
}

async function removeOldest(state: SpoolState, oldest: readonly SpooledWrite[], position: LogPosition): Promise<void> {
  for (const { number, write } of oldest) {
    state.writes--
    state.bytes -= weight(write)
    state.removed = number
    if (state.newest.get(write.key)?.number !== number) continue
    state.newest.delete(write.key)
    state.seen.delete(write.key) // none is left that could have seen anything
  }
  if (state.writes === 0) state.deadlines.clear()
  await store(state, [], position)
  if (state.writes > 0 || state.peakBytes < shrinkAboveBytes) return
  // After a failure it is tried again when the spool is empty the next time.
  await state.storage.shrink().then(
    () => {
      state.peakBytes = 0
    },
    () => undefined,
  )
}
