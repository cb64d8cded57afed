import { batchLimits } from '../core/limits.ts'
import type { Logger } from '../lib/logging.ts'
import { type LogSession, RingUnseen } from '../log/index.ts'
import { type BatchParts, spoolBatch } from './append/batches.ts'
import { NotPassedOn, type Passing } from './append/given-away.ts'
import { makeDrain } from './append/spool-drain.ts'
import { requireSameLog } from './log-continuity.ts'

export interface OutageOptions extends BatchParts {
  readonly logger: Pick<Logger, 'warn'>
  /** Undefined where the log takes all keys. */
  readonly passing?: Passing | undefined
  /** As `Rounds.read`. */
  readonly read: (session: LogSession) => Promise<void>
  /** Called after a batch has gone from the spool to the log, which leaves garbage. */
  readonly onDrained?: (() => void) | undefined
}

/** The spool's part: while the log is down it takes what waits in the queue, and once that is back it is drained. */
export interface Outage {
  /** Awaits something slow, and spools what is written meanwhile. */
  spoolDuring<T>(slow: Promise<T>): Promise<T>
  /** Spools all that waits in the queue. */
  spoolRest(): Promise<void>
  /** Rejects with `Diverged` where what is in the spool was accepted for another log. */
  requireSameLog(session: LogSession): Promise<void>
  /** Reads in the log, once it is replayed, what has overtaken writes that an earlier run has left in the spool. */
  findOvertaken(session: LogSession): Promise<void>
  /**
   * Appends the spool's writes to the log, in order. What is written meanwhile is spooled as well, up to the last
   * stretch, so that nothing passes what came before it. Where another member of the ring is to have some of it and
   * can't be asked, it waits for that as long as the session lasts. Meanwhile the log is read, since what it waits for
   * may be a change of the ring that this node has to go on with. Rejects as `LogSession.appendSpooled` and
   * `Spool.oldest` do; nothing is dropped.
   * @param onBatch called after each batch but the last with what is left
   * @returns how many writes have left the spool since it was last empty
   */
  drain(session: LogSession, onBatch: (left: number) => void): Promise<number>
}

export function makeOutage(options: OutageOptions): Outage {
  const { queue, mirror, spool, spools, logger } = options
  const drain = makeSpoolEmptier(options)

  async function spoolUntil(isOver: () => boolean): Promise<void> {
    while (spools && spool && !isOver()) await (queue.length > 0 ? spoolBatch(options) : queue.filled())
  }

  return {
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

    async requireSameLog(session) {
      if (!spool?.position || spool.writes === 0) return
      const advice = 'connect this node to the log they are for, or give it another KVS_DATA_DIR'
      requireSameLog(spool, session.head.logId, advice)
      if (await session.holds(spool.position)) return
      logger.warn('the log went back since writes were spooled; they go to the log as it is now')
    },

    async findOvertaken(session) {
      if (!spool || spool.writes === 0) return
      // No further than the view: what a later entry supersedes is shown until the view has that entry.
      const { sequence: through } = mirror.view.position
      for (let after = spool.position?.sequence ?? 0n; after < through; ) {
        const page = await session.read(after, through)
        for (const entry of page) {
          if (entry.isOwn) spool.noteOwn(entry)
          else if (!entry.superseded) spool.supersede(entry)
        }
        after = page.at(-1)?.sequence ?? through
      }
    },

    drain,
  }
}

/** How long a drain that waits for another member does so before it tries again, in milliseconds. */
const firstPauseMs = 100
const longestPauseMs = 3_000

/** Reads the log for a while, and spools what is written. Rejects where the session is lost. */
async function passTime(options: OutageOptions, session: LogSession, ms: number): Promise<void> {
  const { queue, spools, clock, read } = options
  const endsAt = clock.now() + ms
  for (let left = ms; left > 0; left = endsAt - clock.now()) {
    const pause = clock.sleep(Math.min(left, firstPauseMs))
    await (spools ? Promise.race([queue.filled(), pause]) : pause)
    if (queue.length > 0) await spoolBatch(options)
    await read(session)
  }
}

function makeSpoolEmptier(options: OutageOptions): Outage['drain'] {
  const { spool, mirror, refusals, logger, passing, read, onDrained } = options
  if (!spool) return async () => 0
  const drainBatch = makeDrain({ spool, follower: mirror, logger, passing })
  let drained = 0

  /** As `DrainBatch`, by the newest entry on the ring that was read. */
  async function drainNext(session: LogSession): Promise<number> {
    let told = ''
    for (let pauseMs = firstPauseMs; ; pauseMs = Math.min(2 * pauseMs, longestPauseMs)) {
      if (mirror.ring.isUntold) await mirror.ring.tell(session)
      try {
        return await drainBatch(session)
      } catch (error) {
        if (error instanceof RingUnseen) {
          await read(session)
          if (!mirror.ring.isUntold) throw error
          continue
        }
        if (!(error instanceof NotPassedOn)) throw error
        if (error.message !== told) logger.warn(`the spool waits for another member of the ring: ${error.message}`)
        told = error.message
      }
      await passTime(options, session, pauseMs)
    }
  }

  return async (session, onBatch) => {
    // Two batches out for one in, so that it comes to an end beside clients that write as fast as they can.
    for (let batches = 1; spool.writes > 0; batches++) {
      if (batches > 1) onBatch(spool.writes)
      drained += await drainNext(session)
      onDrained?.()
      const isLong = spool.writes > batchLimits.writes || spool.bytes > batchLimits.bytes
      if (isLong && batches % 2 === 0) await spoolBatch(options)
    }
    const all = drained
    drained = 0
    refusals.noteEmpty()
    return all
  }
}
