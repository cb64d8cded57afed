import type { Copies, CopyWait } from '../../kv/index.ts'
import type { Clock, Timer } from '../../lib/clock.ts'
import type { Logger } from '../../lib/logging.ts'
import type { Random } from '../../lib/random.ts'
import type { LogReader } from '../../log/index.ts'
import type { MemberSet } from '../member-set.ts'
import type { OwnSite } from '../own-site.ts'
import type { PeerClient } from '../peer-client.ts'
import { makeCommonPast } from './common-past.ts'
import { type CopyHolder, makeCopyHolder } from './copy-holder.ts'
import { makeSequenceQueue, type Waiting } from './sequence-queue.ts'

/** How many logs a write is to be in, and how long it waits for that. */
export interface CopiesSettings {
  /** At least 2. */
  readonly wanted: number
  /** Longest wait since a write began, in milliseconds. */
  readonly timeoutMs: number
  /** Longest wait once the node was told to stop, in milliseconds. */
  readonly stopMs: number
}

export interface CopiesOptions extends CopiesSettings {
  readonly set: Pick<MemberSet, 'others' | 'isRemoved' | 'onChange'>
  readonly site: Pick<OwnSite, 'logId' | 'session'>
  /** Connects to this site's own log. */
  readonly openReader: () => Promise<Pick<LogReader, 'logId' | 'stampAt' | 'close'>>
  readonly connect: (address: string) => Pick<PeerClient, 'askCopy'>
  /** Aborts when the node is told to stop: others can't follow it from then on. */
  readonly stopping: AbortSignal
  readonly logger: Logger
  readonly clock: Clock
  readonly random: Random
}

export interface CountedCopies extends Copies {
  /** Writes that had fewer copies than wanted when they were answered. */
  readonly short: number
}

interface WaitingWrite extends Waiting {
  readonly timer: Timer
  readonly resolve: (copies: number) => void
}

/**
 * Has writes wait until other logs have them. Each member of the group is asked by one request at a time, for the last
 * write that waits; what it answers counts for all of them. While no write waits, nobody is asked.
 */
export function makeCopies(options: CopiesOptions): CountedCopies {
  const { wanted, timeoutMs, stopMs, stopping, clock } = options
  const waiting = makeSequenceQueue<WaitingWrite>()
  const holders = makeHolders(options, waiting.highest, settle)
  const warnOfTooFew = makeTooFewWarning(options)
  let short = 0

  options.set.onChange(settle)
  stopping.addEventListener('abort', () => {
    clock.after(stopMs, () => waiting.takeAll().forEach(end)).unref()
  })

  function settle(): void {
    const needed = Math.min(wanted - 1, holders.possible())
    for (const write of needed === 0 ? waiting.takeAll() : waiting.takeThrough(holders.reachedBy(needed))) end(write)
    if (waiting.highest() === undefined) holders.forget()
    else holders.ask()
  }

  function end(write: WaitingWrite): void {
    const copies = 1 + holders.having(write.sequence)
    if (copies < wanted) short++
    stopWaiting(write, copies)
  }

  function stopWaiting(write: WaitingWrite, copies: number): void {
    write.isOver = true
    write.timer.cancel()
    write.resolve(copies)
  }

  /** For one that is still in the queue. */
  function leave(write: WaitingWrite, act: () => void): void {
    if (write.isOver) return
    act()
    waiting.noteOver()
    if (waiting.highest() === undefined) holders.forget()
  }

  return {
    wanted,
    get short() {
      return short
    },
    wait(sequence, elapsedMs): CopyWait {
      warnOfTooFew(1 + holders.possible())
      const { promise, resolve } = Promise.withResolvers<number>()
      const leftMs = Math.max(0, Math.min(timeoutMs - elapsedMs, stopping.aborted ? stopMs : Infinity))
      const timer = clock.after(leftMs, () => leave(write, () => end(write)))
      const write: WaitingWrite = { sequence, isOver: false, timer, resolve }
      waiting.add(write)
      settle()
      holders.probe(sequence)
      return { done: promise, cancel: () => leave(write, () => stopWaiting(write, 1)) }
    },
  }
}

/** The other members of the group, as those who may have copies. */
function makeHolders(options: CopiesOptions, highest: () => bigint | undefined, onAnswer: () => void) {
  const { set, site, openReader, connect, logger, clock, random } = options
  const byAddress = new Map<string, CopyHolder>()

  function members(): Iterable<CopyHolder> {
    const addresses = set.isRemoved ? [] : set.others()
    for (const [address, holder] of byAddress) {
      if (addresses.includes(address)) continue
      holder.drop()
      byAddress.delete(address)
    }
    for (const address of addresses) {
      if (byAddress.has(address)) continue
      const past = makeCommonPast({ site, openReader })
      const own = { address, client: connect(address), ownLog: site.logId, past }
      byAddress.set(address, makeCopyHolder({ ...own, highest, onAnswer, logger, clock, random }))
    }
    return byAddress.values()
  }

  /** How far each other log has the entries. Several nodes of one site have one log. */
  function byLog(): Map<string, bigint> {
    const logs = new Map<string, bigint>()
    for (const { log, sequence, isOut } of members()) {
      if (log !== undefined && !isOut && sequence >= (logs.get(log) ?? 0n)) logs.set(log, sequence)
    }
    return logs
  }

  return {
    ask(): void {
      for (const holder of members()) holder.ask()
    },
    /** A write has come. Those that nothing waits for are asked whether that has changed. */
    probe(sequence: bigint): void {
      for (const holder of members()) holder.probe(sequence)
    },
    forget(): void {
      for (const holder of byAddress.values()) holder.forget()
    },
    /** How many other logs may come to have entries: a member that has not told its log yet counts as one. */
    possible: () => byLog().size + [...members()].filter(({ log, isOut }) => log === undefined && !isOut).length,
    /** How many other logs are known to have the entry. */
    having: (sequence: bigint) => [...byLog().values()].filter((reached) => reached >= sequence).length,
    /** The highest sequence that so many other logs have; 0n where there are fewer. At least 1. */
    reachedBy(count: number): bigint {
      const reached = [...byLog().values()].sort((one, other) => (one > other ? -1 : one < other ? 1 : 0))
      return reached[count - 1] ?? 0n
    },
  }
}

/** Warns once where the group has fewer logs than a write is to be in. */
function makeTooFewWarning({ wanted, logger }: CopiesOptions): (possible: number) => void {
  let isTold = false
  return (possible) => {
    if (isTold || possible >= wanted) return
    isTold = true
    const logs = possible === 1 ? 'no other log' : `${possible} logs at most`
    logger.warn(`KVS_MIN_COPIES is ${wanted}, and the group has ${logs}: writes are answered 202 until it has more`)
  }
}
