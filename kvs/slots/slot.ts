import { randomUUID } from 'node:crypto'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { makeSqliteStorage, mayHoldWrites, NoSpace, openSpool, type Spool, SpoolHeld } from '../spool/index.ts'
import { type DataDirectory, Locked, openDataDirectory } from './data-directory.ts'
import { lastLogOf, noteLog } from './last-log.ts'
import { findSlots, slotPath } from './numbering.ts'

export interface TakeOptions {
  readonly directory: string
  /** Whether several nodes may have the directory; else there is the first slot and no other. */
  readonly isShared: boolean
  /** What all writes in the slot's spool may weigh. */
  readonly maxBytes: number
  readonly warn: (message: string) => void
}

/** One node's part of the data directory: its lock, its identity as a writer, and its spool. */
export interface Slot {
  /** Undefined where the node has none, and an identity that ends with it. */
  readonly number: number | undefined
  readonly data: DataDirectory
  /** Undefined where there is no disk for one. */
  readonly spool: Spool | undefined
  /** Why there is no spool. */
  readonly obstacle: string | undefined
  /** The log that the slot was last used with; for a new one, what another of the directory was. */
  readonly logId: string | undefined
  /** Warns where it was another one before. Nothing but that, and where a log is looked for, depends on it. */
  rememberLog(logId: string): void
  /** Lets another node have the slot; it is never let go with its spool open. */
  close(): Promise<void>
}

/** For so long a node has a slot that it only looks into. */
const lookMs = 250

class Unusable extends Error {
  override readonly name = 'Unusable'
  readonly mayHoldWrites: boolean
  constructor(error: unknown, mayHoldWrites: boolean) {
    super(error instanceof Error ? error.message : String(error), { cause: error })
    this.mayHoldWrites = mayHoldWrites
  }
}

/**
 * Takes a slot that no node holds: before all others one whose spool may hold writes, then the first; a new one where
 * nodes hold all there are. Of nodes that start together, the slot's lock decides which has it.
 *
 * A slot that can't be used is passed over, with a warning. But where no other can be used and no node holds one, there is
 * nothing to go on with: where it may hold writes, the start ends, since those would be missing from every answer; else the
 * node does without.
 * @throws Locked where the directory is not shared and another node has it, or an Error that says what can't be used
 */
export async function takeSlot(options: TakeOptions): Promise<Slot> {
  const { directory, warn } = options
  const slot = await takeAny(options)
  const { data } = slot
  return {
    ...slot,
    logId: data.logId ?? lastLogOf(directory),
    rememberLog(logId) {
      noteLog(directory, logId)
      if (data.logId === logId) return
      if (data.logId !== undefined) warn(`this is the log ${logId}; the last one of this node was ${data.logId}`)
      data.rememberLog(logId)
    },
  }
}

type Taken = Omit<Slot, 'logId' | 'rememberLog'>

async function takeAny({ directory, isShared, maxBytes, warn }: TakeOptions): Promise<Taken> {
  if (!isShared) return openSlot(directory, 1, maxBytes)
  const numbers = await findSlots(directory).catch((error: Error) => {
    warn(error.message)
    return [1]
  })
  const held = new Set<number>()
  const unusable: Unusable[] = []

  async function takeFirst(among: Iterable<number>): Promise<Taken | undefined> {
    for (const number of among) {
      try {
        return await openSlot(directory, number, maxBytes)
      } catch (error) {
        if (error instanceof Locked) held.add(number)
        else if (error instanceof Unusable) unusable.push(error)
        else throw error
      }
    }
    return undefined
  }

  function* newNumbers(): Iterable<number> {
    const failed = unusable.length
    for (let number = 2; unusable.length === failed; number++) if (!numbers.includes(number)) yield number
  }

  let slot = await takeFirst(withWritesFirst(directory, numbers))
  if (!slot && held.size > 0) {
    await sleep(lookMs)
    slot = (await takeFirst([...held])) ?? (await takeFirst(newNumbers()))
  }
  const holding = unusable.find((error) => error.mayHoldWrites)
  if (!slot && held.size === 0 && holding) throw holding
  slot ??= withoutSlot(directory, unusable.at(-1)?.message ?? '')
  for (const { message } of unusable) if (message !== slot.obstacle) warn(`a slot is passed over: ${message}`)
  return slot
}

/** Looked at without the lock, which is only a hint: what a node that lives has spooled makes it first as well. */
function withWritesFirst(directory: string, numbers: readonly number[]): number[] {
  const holding = new Set(numbers.filter((number) => mayHoldWrites(slotPath(directory, number))))
  return [...holding, ...numbers.filter((number) => !holding.has(number))]
}

/** @throws Locked or Unusable */
async function openSlot(directory: string, number: number, maxBytes: number): Promise<Taken> {
  const path = slotPath(directory, number)
  const data = lock(path)
  try {
    const spool = await openSpool({ storage: makeSqliteStorage(join(path, 'spool.db')), maxBytes })
    const close = async () => {
      await spool.close().catch(() => undefined)
      data.close()
    }
    return { number, data, spool, obstacle: undefined, close }
  } catch (error) {
    if (error instanceof NoSpace) {
      return { number, data, spool: undefined, obstacle: error.message, close: async () => data.close() }
    }
    data.close()
    if (error instanceof SpoolHeld) throw new Locked(error.message)
    throw new Unusable(error, true)
  }
}

function lock(path: string): DataDirectory {
  try {
    return openDataDirectory(path)
  } catch (error) {
    if (error instanceof Locked) throw error
    throw new Unusable(error, mayHoldWrites(path))
  }
}

function withoutSlot(path: string, obstacle: string): Taken {
  const nothing = () => undefined
  const data = { path, writerId: randomUUID(), logId: undefined, rememberLog: nothing, close: nothing }
  return { number: undefined, data, spool: undefined, obstacle, close: async () => undefined }
}
