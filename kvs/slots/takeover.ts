import { type Clock, systemClock } from '../lib/clock.ts'
import type { Logger } from '../lib/logging.ts'
import { type Random, systemRandom } from '../lib/random.ts'
import { Diverged, type Log, RingUnseen, Unavailable, Undecided } from '../log/index.ts'
import { SpoolHeld } from '../spool/index.ts'
import { drainOrphan, type PassOnFor, UnreadableSpool } from './orphaned-spool.ts'
import { SlotHeld, type SlotStorage } from './slot-storage.ts'

export interface TakeoverOptions {
  readonly slots: SlotStorage
  /**
   * Number of this node's own slot. Takeover must never open its files: a process that closes any descriptor of a file
   * loses all its locks on it.
   * https://www.sqlite.org/howtocorrupt.html#_posix_advisory_locks_canceled_by_a_separate_thread_doing_close_
   */
  readonly ownSlot: number
  /** Returns the log for appends under a writer's identity. */
  readonly logOf: (writerId: string) => Log
  /** As `OrphanOptions.passOn`. */
  readonly passOn?: PassOnFor | undefined
  /** Whether this node reaches the log now. */
  readonly isServing: () => boolean
  readonly logger: Pick<Logger, 'info' | 'warn'>
  /**
   * Longest pause between two scans of the slots, in milliseconds; chance shortens it by up to half. The default is
   * 5,000.
   */
  readonly intervalMs?: number
  readonly clock?: Clock
  readonly random?: Random
}

export interface Takeover {
  /**
   * Until the signal aborts, looks for slots that no node holds and whose spools have writes for this log, and appends
   * those writes to it. Never rejects. Any number of nodes may do so in one directory: the slot's lock decides which
   * one works on it.
   */
  run(logId: string, signal: AbortSignal): Promise<void>
}

/** State that a takeover keeps between its scans. */
interface TakeoverState extends TakeoverOptions {
  /** Fingerprint of each slot's spool when nothing was left to do there: the slot is skipped until it changes. */
  readonly finished: Map<number, string>
  /** Warnings that were logged for a slot; under undefined, those for the directory. */
  readonly warned: Map<number | undefined, Set<string>>
}

export function makeTakeover(options: TakeoverOptions): Takeover {
  const { intervalMs = 5_000, clock = systemClock, random = systemRandom } = options
  const state: TakeoverState = { ...options, finished: new Map(), warned: new Map() }
  return {
    async run(logId, signal) {
      while (!signal.aborted) {
        await clock.sleep(intervalMs * (0.5 + random.fraction() / 2), signal)
        await scanSlots(state, logId, signal).catch((error) => warnOnce(state, undefined, error.message))
      }
    },
  }
}

async function scanSlots(state: TakeoverState, logId: string, signal: AbortSignal): Promise<void> {
  const { slots, ownSlot, isServing, logger, warned } = state
  for (const slot of await slots.list()) {
    if (slot === ownSlot || !isServing() || signal.aborted) continue
    try {
      const drained = await drainSlot(state, slot, logId, signal)
      if (drained === 0) continue
      logger.info(`took over the spool of a node that is gone (slot ${slot}): ${drained} writes are in the log now`)
      warned.delete(slot)
    } catch (error) {
      if (!signal.aborted && error instanceof Error) warnOfFailure(state, slot, error)
    }
  }
}

/** Returns the number of writes that it appended to the log. */
async function drainSlot(state: TakeoverState, slot: number, logId: string, signal: AbortSignal): Promise<number> {
  const { slots, logOf, passOn, finished } = state
  const fingerprint = await slots.fingerprint(slot)
  if (fingerprint === undefined || fingerprint === finished.get(slot)) return 0
  const lock = await slots.lockExisting(slot)
  const warn = (message: string) => warnOnce(state, slot, message)
  let isFinished = false
  try {
    const drained = await drainOrphan({ slot: lock, logId, logOf, passOn, logger: { warn } }, signal)
    isFinished = !signal.aborted
    return drained
  } catch (error) {
    isFinished = isPermanent(error)
    throw error
  } finally {
    const now = isFinished ? await slots.fingerprint(slot).catch(() => undefined) : undefined
    if (now !== undefined) finished.set(slot, now)
    lock.release()
  }
}

/**
 * Logs nothing about a slot that a node holds, or about a ring that has just changed, which is normal, and nothing
 * about an outage, which the node itself reports.
 */
function warnOfFailure(state: TakeoverState, slot: number, error: Error): void {
  if ([SlotHeld, SpoolHeld, Unavailable, Undecided, RingUnseen].some((kind) => error instanceof kind)) return
  warnOnce(state, slot, `${isPermanent(error) ? 'left alone' : 'not brought to the log yet'}: ${error.message}`)
}

function warnOnce({ warned, logger }: TakeoverState, slot: number | undefined, message: string): void {
  const before = warned.get(slot) ?? new Set()
  const subject = slot === undefined ? '' : `the spool of a node that is gone (slot ${slot}): `
  if (!before.has(message)) logger.warn(`${subject}${message}`)
  warned.set(slot, before.add(message))
}

/** Whether a retry would fail in the same way as long as nobody changes the slot. */
function isPermanent(error: unknown): boolean {
  return error instanceof Diverged || error instanceof UnreadableSpool
}
