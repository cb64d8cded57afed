import type { AppendQueue } from './append-queue.ts'
import type { Logger } from './condition.ts'
import { batchLimits } from './entry.ts'
import { KvsError } from './errors.ts'
import type { Follower } from './follower.ts'
import { Diverged, type LogSession } from './log/log.ts'
import type { Seen } from './spool/file.ts'
import type { Spool } from './spool/spool.ts'

export interface OutageOptions {
  readonly queue: AppendQueue
  readonly follower: Follower
  /** Undefined where the node has no disk to keep one on. */
  readonly spool: Spool | undefined
  /** Whether writes are spooled; else they wait in the queue. What an earlier run has spooled is drained either way. */
  readonly spools: boolean
  readonly logger: Logger
}

/**
 * What becomes of writes while the log can't be reached, and when it is back: queue → spool → log. Each write of this
 * node has a number; the log stores the last one it has, with the writes, so that a write lands exactly once, whenever
 * and however often it is sent, and whatever is killed in between.
 */
export interface Outage {
  /** Awaits something slow; what is written meanwhile is spooled. */
  spoolDuring<T>(slow: Promise<T>): Promise<T>
  /** Spools all that waits in the queue. */
  flush(): Promise<void>
  /** The queue's batch was sent under the numbers from this one on, and its answer is lost. */
  leaveInDoubt(first: bigint): void
  /** The session is over. */
  leave(session: LogSession): void
  /** Rejects with `Diverged` where what is in the spool was accepted for another log. */
  requireSameLog(session: LogSession): Promise<void>
  /** Settles what was in doubt, now that the log, and the view with it, is known. */
  settle(session: LogSession): void
  /**
   * Has the spool reach the log, in order. What is written meanwhile is spooled as well, up to the last stretch, so that
   * nothing passes what came before it. Rejections are those of `LogSession.appendSpooled`: nothing is dropped.
   * @returns how many writes have left the spool
   */
  drain(session: LogSession, onProgress: () => void): Promise<number>
  /** Spools what waits in the queue if the spool has more than this many writes. */
  keepUp(above: number): Promise<void>
}

export function makeOutage({ queue, follower, spool, spools, logger }: OutageOptions): Outage {
  /** The number of the last write that this node may have sent or spooled. */
  let last = spool?.last ?? 0n
  let inDoubt: bigint | undefined
  let tellsRemoval = true

  const seen = (): Seen => ({ logId: follower.logId ?? '', ...follower.view.position })

  function startAfter(number: bigint): void {
    if (number > last) last = number
  }

  /** A batch in doubt keeps its numbers, and is taken past the spool's bound: refusing it would be no clear answer. */
  async function spoolBatch(into: Spool): Promise<void> {
    const batch = queue.take()
    const first = inDoubt ?? last + 1n
    const wasInDoubt = inDoubt !== undefined
    inDoubt = undefined
    last = first + BigInt(batch.length) - 1n
    try {
      await into.add(first, batch, seen(), !wasInDoubt)
      queue.spooled()
    } catch (error) {
      if (!(error instanceof KvsError)) throw error
      queue.failed(wasInDoubt ? new KvsError('undecided') : error)
    }
  }

  async function spoolUntil(isOver: () => boolean): Promise<void> {
    while (spools && spool && !isOver()) {
      if (queue.length > 0) await spoolBatch(spool)
      else await queue.filled()
    }
  }

  async function keepUp(above: number): Promise<void> {
    if (spools && spool && spool.writes > above && queue.length > 0) await spoolBatch(spool)
  }

  async function drainBatch(from: Spool, session: LogSession): Promise<number> {
    const oldest = await from.oldest()
    const landed = oldest.filter(({ number }) => number <= session.committed.number)
    const taken = landed.length > 0 ? landed : oldest
    if (landed.length === 0) {
      const end = await session.appendSpooled(oldest, follower.view.position.sequence)
      await follower.readThrough(session, end.sequence)
    }
    await from.remove(taken, seen()).then(
      () => {
        tellsRemoval = true
      },
      (error) => {
        if (tellsRemoval)
          logger.warn(`the spool can’t be told what has reached the log (${error.message}); the log knows`)
        tellsRemoval = false
      },
    )
    return taken.length
  }

  return {
    keepUp,

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

    flush: () => spoolUntil(() => queue.length === 0),

    leaveInDoubt(first) {
      inDoubt = first
    },

    leave: ({ committed }) => startAfter(committed.number),

    async requireSameLog(session) {
      const { head } = session
      const known = spool?.seen
      if (!spool || !known || spool.writes === 0) return
      if (known.logId !== head.logId) {
        throw new Diverged(
          `the spool holds ${spool.writes} writes for the log ${known.logId}, and this is the log ${head.logId}: ` +
            'connect this node to the log they are for, or give it another KVS_DATA_DIR',
        )
      }
      if (await session.holds(known)) return
      logger.warn('the log went back since writes were spooled; they go to the log as it is now')
    },

    settle(session) {
      if (inDoubt !== undefined) {
        if (session.committed.number >= inDoubt) queue.committed(session.committed.end.sequence)
        else queue.putBack()
      }
      inDoubt = undefined
      startAfter(session.committed.number)
    },

    async drain(session, onProgress) {
      if (!spool || spool.writes === 0) return 0
      let drained = 0
      while (spool.writes > 0) {
        onProgress()
        drained += await drainBatch(spool, session)
        await keepUp(batchLimits.writes)
      }
      return drained
    },
  }
}
