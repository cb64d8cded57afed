import { KvsError } from '../core/errors.ts'
import { batchLimits } from '../core/limits.ts'
import type { Logger } from '../lib/logging.ts'
import type { LogSession } from '../log/index.ts'
import type { Spool } from '../spool/index.ts'
import type { Follower } from './log-copy.ts'
import { makeDrain, positionOf, requireSameLog } from './spool-drain.ts'
import type { AppendQueue } from './write-queue.ts'

export interface OutageOptions {
  readonly queue: AppendQueue
  readonly follower: Follower
  /** Undefined where the node has no disk to keep one on. */
  readonly spool: Spool | undefined
  /** Whether writes are spooled; else they wait in the queue. What an earlier run has spooled is drained either way. */
  readonly spools: boolean
  readonly logger: Logger
  /** Told when a batch has gone from the spool to the log, which leaves garbage. */
  readonly onDrained?: (() => void) | undefined
}

/**
 * What becomes of writes while the log can't be reached, and when it is back: queue → spool → log. Each write of this
 * node has a number; the log stores the last one it has, with the writes, so that a write lands exactly once, whenever
 * and however often it is sent, and whatever is killed in between.
 */
export interface Outage {
  /** Why the spool has refused the last write it was to take; null where it took it. */
  readonly obstacle: string | null
  /** Gives that many writes their numbers, which are after all others. Returns the last one. */
  number(writes: number): bigint
  /** Awaits something slow; what is written meanwhile is spooled. */
  spoolDuring<T>(slow: Promise<T>): Promise<T>
  /** Spools what waits in the queue, one batch of it. */
  spoolBatch(): Promise<void>
  /** Spools all that waits in the queue. */
  spoolRest(): Promise<void>
  /** The queue's batch was sent under numbers that end in this one, and its answer is lost. */
  leaveInDoubt(last: bigint): void
  /** Rejects with `Diverged` where what is in the spool was accepted for another log. */
  requireSameLog(session: LogSession): Promise<void>
  /** Looks in the log, once it is replayed, for what has overtaken writes that an earlier run has left in the spool. */
  findOvertaken(session: LogSession): Promise<void>
  /**
   * Settles what was in doubt, now that the view has all that the session's log had of this node.
   * @param replaced for each of this node's entries that came into the view on the way, in order
   */
  settle(session: LogSession, replaced?: readonly boolean[]): void
  /**
   * Has the spool reach the log, in order. What is written meanwhile is spooled as well, up to the last stretch, so that
   * nothing passes what came before it. Rejections are those of `LogSession.appendSpooled` and `Spool.oldest`: nothing is
   * dropped.
   * @param onProgress called before each batch, with whether one has landed by this call
   * @returns how many writes have left the spool since it was last empty
   */
  drain(session: LogSession, onProgress: (hasDrained: boolean) => void): Promise<number>
}

export function makeOutage({ queue, follower, spool, spools, logger, onDrained }: OutageOptions): Outage {
  /** The number of the last write that this node has numbered. */
  let last = spool?.last ?? 0n
  /** The number of the last write in the queue's batch. */
  let inDoubt: bigint | undefined
  let obstacle: string | null = null
  let refused = 0
  let drained = 0
  const drainBatch = spool && makeDrain({ spool, follower, logger })

  function startAfter(number: bigint): void {
    if (number > last) last = number
  }

  function number(writes: number): bigint {
    last += BigInt(writes)
    return last
  }

  /** A batch in doubt keeps its numbers, and is taken past the spool's bound: refusing it would be no clear answer. */
  async function spoolBatch(): Promise<void> {
    if (!spool || !spools || queue.length === 0) return
    const batch = queue.take()
    const wasInDoubt = inDoubt !== undefined
    const end = inDoubt ?? number(batch.length)
    inDoubt = undefined
    try {
      await spool.add(end - BigInt(batch.length) + 1n, batch, positionOf(follower), !wasInDoubt)
      obstacle = null
      queue.spooled()
    } catch (error) {
      if (!(error instanceof KvsError)) throw error
      obstacle = error.message.replace('; nothing was stored', '')
      if (refused === 0) logger.warn(`writes that the spool does not take are refused: ${obstacle}`)
      refused += batch.length
      queue.failed(wasInDoubt ? new KvsError('undecided') : error)
    }
  }

  async function spoolUntil(isOver: () => boolean): Promise<void> {
    while (spools && spool && !isOver()) await (queue.length > 0 ? spoolBatch() : queue.filled())
  }

  return {
    get obstacle() {
      return obstacle
    },
    number,
    spoolBatch,
    spoolRest: () => spoolUntil(() => queue.length === 0),

    async spoolDuring(slow) {
      let isOver = false
      const over = slow.finally(() => {
        isOver = true
        queue.wake()
      })
      over.catch(() => undefined) // awaited below, when the spooling has come to its end
      await spoolUntil(() => isOver)
      return over
    },

    leaveInDoubt(last) {
      inDoubt = last
    },

    async requireSameLog(session) {
      if (!spool?.position || spool.writes === 0) return
      const advice = 'connect this node to the log they are for, or give it another KVS_DATA_DIR'
      requireSameLog(spool, session.head.logId, advice)
      if (await session.holds(spool.position)) return
      logger.warn('the log went back since writes were spooled; they go to the log as it is now')
    },

    async findOvertaken(session) {
      if (!spool || spool.writes === 0) return
      let after = spool.position?.sequence ?? 0n
      while (after < follower.view.position.sequence) {
        const page = await session.read(after)
        for (const entry of page) if (!entry.isOwn && !entry.superseded) spool.supersede(entry)
        after = page.at(-1)?.sequence ?? follower.view.position.sequence
      }
    },

    settle({ committed, head: { logId } }, replaced = []) {
      if (inDoubt !== undefined) {
        // What came into the view last is the batch, unless it was there before the connection was lost.
        const { number, end } = committed
        if (number >= inDoubt) queue.committed({ logId, end, replaced: replaced.slice(-queue.take().length) })
        else queue.putBack()
      }
      inDoubt = undefined
      spool?.hide(committed.number)
      startAfter(committed.number)
    },

    async drain(session, onProgress) {
      if (!spool || !drainBatch) return 0
      // Two batches out for one in, so that it comes to an end beside clients that write as fast as they can.
      for (let batches = 1; spool.writes > 0; batches++) {
        onProgress(batches > 1)
        drained += await drainBatch(session)
        onDrained?.()
        const isLong = spool.writes > batchLimits.writes || spool.bytes > batchLimits.bytes
        if (isLong && batches % 2 === 0) await spoolBatch()
      }
      const all = drained
      drained = 0
      obstacle = null
      if (refused > 0) logger.warn(`writes that were refused while the log was down: ${refused}`)
      refused = 0
      return all
    },
  }
}
