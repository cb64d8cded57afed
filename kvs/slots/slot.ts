import { type Clock, systemClock } from '../lib/clock.ts'
import { type Random, systemRandom } from '../lib/random.ts'
import { NoSpace, openSpool, type Spool, SpoolHeld } from '../spool/index.ts'
import { SlotHeld, type SlotLock, type SlotStorage } from './slot-storage.ts'

export interface SlotOptions {
  readonly slots: SlotStorage
  /** Whether several nodes may use the directory. Otherwise slot 1 is the only one. */
  readonly isShared: boolean
  /** Maximal weight of all writes in the slot's spool, in bytes. */
  readonly maxBytes: number
  readonly warn: (message: string) => void
  readonly clock?: Clock
  readonly random?: Random
}

/** One node's part of the data directory: its lock, its identity as a writer, and its spool. */
export interface Slot {
  /** Number of the slot; undefined when the node has none, and an identity that ends with the process. */
  readonly number: number | undefined
  /** Directory of the slot. */
  readonly path: string
  /** Identity of the node as a writer in the log. */
  readonly writerId: string
  /** The slot's spool; undefined when there is no disk for one. */
  readonly spool: Spool | undefined
  /** Why there is no spool; undefined when there is one. */
  readonly obstacle: string | undefined
  /**
   * Id of the log that the slot was used with last; for a new slot, that of the directory; undefined when there was
   * none.
   */
  readonly logId: string | undefined
  /** Stores the log's id, and warns if the slot was used with another log before. */
  rememberLog(logId: string): void
  /** Closes the spool, then lets another node lock the slot. */
  close(): Promise<void>
}

/** A node that only inspects a slot, such as `--check`, releases it within this time, in milliseconds. */
const inspectionMs = 250

class UnusableSlot extends Error {
  override readonly name = 'UnusableSlot'
  readonly mayHoldWrites: boolean
  constructor(error: unknown, mayHoldWrites: boolean) {
    super(error instanceof Error ? error.message : String(error), { cause: error })
    this.mayHoldWrites = mayHoldWrites
  }
}

/**
 * Takes a slot that no node holds: first one whose spool may hold writes, then the one with the lowest number; a new
 * one when nodes hold all that exist. If nodes start together, the slots' locks decide.
 *
 * A slot that can't be used is skipped with a warning. If no node holds a slot and none can be used, the start fails
 * when one of them may hold writes, because every read would miss those; otherwise the node runs without a slot.
 * @throws SlotHeld when the directory is not shared and another node has it, or an Error that says what can't be used
 */
export async function takeSlot(options: SlotOptions): Promise<Slot> {
  const { slots, warn } = options
  const { lock, ...taken } = options.isShared ? await takeShared(options) : await openSlot(options, 1)
  const logId = lock?.logId
  return {
    ...taken,
    logId: logId ?? slots.lastLog(),
    rememberLog(current) {
      slots.saveLastLog(current)
      if (logId === current) return
      if (logId !== undefined) warn(`this is the log ${current}; the last one of this node was ${logId}`)
      lock?.saveLog(current)
    },
  }
}

interface TakenSlot extends Omit<Slot, 'logId' | 'rememberLog'> {
  /** Lock on the slot; undefined when the node has none. */
  readonly lock: SlotLock | undefined
}

async function takeShared(options: SlotOptions): Promise<TakenSlot> {
  const { slots, warn, clock = systemClock } = options
  const numbers = await slots.list().catch((error: Error) => {
    warn(error.message)
    return [1]
  })
  const held = new Set<number>()
  const unusable: UnusableSlot[] = []

  async function takeFirst(candidates: Iterable<number>): Promise<TakenSlot | undefined> {
    for (const number of candidates) {
      try {
        return await openSlot(options, number)
      } catch (error) {
        if (error instanceof SlotHeld) held.add(number)
        else if (error instanceof UnusableSlot) unusable.push(error)
        else throw error
      }
    }
    return undefined
  }

  function* newNumbers(): Iterable<number> {
    const failures = unusable.length
    for (let number = 2; unusable.length === failures; number++) if (!numbers.includes(number)) yield number
  }

  let slot = await takeFirst(writesFirst(slots, numbers))
  if (!slot && held.size > 0) {
    await clock.sleep(inspectionMs)
    slot = (await takeFirst([...held])) ?? (await takeFirst(newNumbers()))
  }
  const withWrites = unusable.find((error) => error.mayHoldWrites)
  if (!slot && held.size === 0 && withWrites) throw withWrites
  slot ??= withoutSlot(options, unusable.at(-1)?.message ?? '')
  for (const { message } of unusable) if (message !== slot.obstacle) warn(`a slot is passed over: ${message}`)
  return slot
}

/**
 * Sorts slots whose spools may hold writes first. It ignores the locks: a live node's spooled writes move its slot up
 * as well.
 */
function writesFirst(slots: SlotStorage, numbers: readonly number[]): number[] {
  const withWrites = new Set(numbers.filter((number) => slots.mayHoldWrites(number)))
  return [...withWrites, ...numbers.filter((number) => !withWrites.has(number))]
}

/** @throws SlotHeld or UnusableSlot */
async function openSlot({ slots, maxBytes }: SlotOptions, number: number): Promise<TakenSlot> {
  const lock = await slots.lock(number).catch((error) => {
    if (error instanceof SlotHeld) throw error
    throw new UnusableSlot(error, slots.mayHoldWrites(number))
  })
  const slot = { number, path: slots.path(number), writerId: lock.writerId, lock }
  try {
    const spool = await openSpool({ storage: lock.spoolStorage, maxBytes })
    return { ...slot, spool, obstacle: undefined, close: () => closeSlot(spool, lock) }
  } catch (error) {
    if (error instanceof NoSpace) {
      return { ...slot, spool: undefined, obstacle: error.message, close: async () => lock.release() }
    }
    lock.release()
    if (error instanceof SpoolHeld) throw new SlotHeld(error.message)
    throw new UnusableSlot(error, true)
  }
}

async function closeSlot(spool: Spool, lock: SlotLock): Promise<void> {
  await spool.close().catch(() => undefined)
  lock.release()
}

function withoutSlot({ slots, random = systemRandom }: SlotOptions, obstacle: string): TakenSlot {
  const slot = { number: undefined, path: slots.path(1), writerId: random.uuid(), lock: undefined }
  return { ...slot, spool: undefined, obstacle, close: async () => undefined }
}
