import { batchLimits } from '../../core/limits.ts'
import type { Logger } from '../../lib/logging.ts'
import { type LogSession, Undecided } from '../../log/index.ts'
import type { LogPosition, Spool } from '../../spool/index.ts'
import type { View } from '../../view/index.ts'
import type { Mirror } from '../mirror.ts'
import { makePassedOn, type Passing } from './given-away.ts'

/** What keeps step with the log beside a drain: a node's mirror or, where nobody reads values, a mere position. */
export interface LogFollower extends Pick<Mirror, 'logId' | 'readThrough'> {
  readonly view: Pick<View, 'position'>
}

export interface DrainOptions {
  readonly spool: Spool
  readonly follower: LogFollower
  readonly logger: Pick<Logger, 'warn'>
  /** Undefined where the log takes all keys. */
  readonly passing?: Passing | undefined
}

/**
 * Appends the oldest writes of the spool, as many as make a batch, reads them back, and takes them out of the spool.
 * All that the session's log had of the spool's writer must have been read before. What belongs to other members of the
 * ring is passed on first, and comes into the log as superseded, so that the numbers are those of the log in any case.
 * After a crash between the two it is passed on again. Rejects as `LogSession.appendSpooled`, `LogSession.read` and
 * `Spool.oldest` do, and with `NotPassedOn`; nothing is dropped then.
 * @returns how many writes have left the spool
 */
export type DrainBatch = (session: LogSession) => Promise<number>

export function makeDrain({ spool, follower, logger, passing }: DrainOptions): DrainBatch {
  const passedOn = passing && makePassedOn(passing, spool)
  let tellsRemoval = true
  /** Share of a full batch to send next: halved after a lost answer, raised by a tenth after each success. */
  let share = 1

  return async (session) => {
    const oldest = await spool.oldest(share)
    const landed = oldest.filter(({ number }) => number <= session.committed.number)
    const taken = landed.length > 0 ? landed : oldest
    if (landed.length === 0) {
      const batch = passedOn === undefined ? oldest : await passedOn.from(oldest)
      const end = await session.appendSpooled(batch, follower.view.position.sequence).catch((error) => {
        if (error instanceof Undecided) share = Math.max(share / 2, 1 / batchLimits.writes)
        throw error
      })
      share = Math.min(1, share * 1.1)
      await follower.readThrough(session, end.sequence)
    }
    passedOn?.forget(taken)
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

export function positionOf({ logId = '', view }: LogFollower): LogPosition {
  return { logId, ...view.position }
}
