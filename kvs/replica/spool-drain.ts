import { batchLimits } from '../core/limits.ts'
import type { Logger } from '../lib/logging.ts'
import { Diverged, type LogSession, Undecided } from '../log/index.ts'
import type { LogPosition, Spool } from '../spool/index.ts'
import type { View } from '../view/index.ts'
import type { Follower } from './log-copy.ts'

/** What keeps step with the log beside a drain: a node's follower or, where nobody reads values, a place in the log. */
export interface Following extends Pick<Follower, 'logId' | 'readThrough'> {
  readonly view: Pick<View, 'position'>
}

export interface DrainOptions {
  readonly spool: Spool
  readonly follower: Following
  readonly logger: Pick<Logger, 'warn'>
}

/**
 * Has the oldest writes of the spool, as many as make a batch, reach the log, reads them back, and takes them out of the
 * spool. All that the session's log had of the spool's writer has been read before. Rejections are those of
 * `LogSession.appendSpooled`, `LogSession.read` and `Spool.oldest`: nothing is dropped.
 * @returns how many writes have left the spool
 */
export type DrainBatch = (session: LogSession) => Promise<number>

export function makeDrain({ spool, follower, logger }: DrainOptions): DrainBatch {
  let tellsRemoval = true
  /** Of a batch, as much as the connection has lately carried within the time that an answer may take. */
  let part = 1

  return async (session) => {
    const oldest = await spool.oldest(part)
    const landed = oldest.filter(({ number }) => number <= session.committed.number)
    const taken = landed.length > 0 ? landed : oldest
    if (landed.length === 0) {
      const end = await session.appendSpooled(oldest, follower.view.position.sequence).catch((error) => {
        if (error instanceof Undecided) part = Math.max(part / 2, 1 / batchLimits.writes)
        throw error
      })
      part = Math.min(1, part * 1.1)
      await follower.readThrough(session, end.sequence)
    }
    await spool.remove(taken, positionOf(follower)).then(
      () => {
        tellsRemoval = true
      },
      (error) => {
        if (tellsRemoval) logger.warn(`the spool can’t be told what is in the log (${error.message}); the log knows`)
        tellsRemoval = false
      },
    )
    return taken.length
  }
}

export function positionOf({ logId = '', view }: Following): LogPosition {
  return { logId, ...view.position }
}

/** @throws Diverged where what is in the spool was accepted for another log than this one */
export function requireSameLog({ writes, position }: Spool, logId: string, advice: string): void {
  if (writes === 0 || !position || position.logId === logId) return
  throw new Diverged(
    `the spool holds writes (${writes}) for the log ${position.logId}, and this is the log ${logId}: ${advice}`,
  )
}
