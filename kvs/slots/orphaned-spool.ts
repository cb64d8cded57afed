import { join } from 'node:path'
import { unlessAborted } from '../lib/abort.ts'
import type { Logger } from '../lib/logging.ts'
import { Diverged, type Log, type LogSession } from '../log/index.ts'
import { makeDrain, requireSameLog } from '../replica/index.ts'
import { makeSqliteStorage, NoSpace, openSpool, type Spool, SpoolHeld } from '../spool/index.ts'
import type { DataDirectory } from './data-directory.ts'
import { makePlace } from './slot-directory.ts'

export interface OrphanOptions {
  /** The slot, whose lock this process holds. */
  readonly data: DataDirectory
  /** Of the log that this node serves. */
  readonly logId: string
  /** That log, for who appends as this writer. */
  readonly logOf: (writerId: string) => Log
  readonly logger: Pick<Logger, 'warn'>
}

/** The spool can't be read, and trying again won't help. */
export class Unreadable extends Error {
  override readonly name = 'Unreadable'
}

const advice = 'start a node on the log they are for, with this KVS_DATA_DIR'

/**
 * Brings what a node that is gone has spooled to the log, as that node would: under its numbers and as its writer, each
 * write once, in their order, superseded where another writer's entry came first. It can be cut off at any moment, and done
 * again by anybody who holds the slot. On return, and on a rejection, nobody has the spool open.
 * @returns how many writes have left the spool
 * @throws Unreadable; Diverged where it is for another log; else what trying again later may mend
 */
export async function drainOrphan({ data, logId, logOf, logger }: OrphanOptions, signal: AbortSignal): Promise<number> {
  const spool = await openSpool({
    storage: makeSqliteStorage(join(data.path, 'spool.db')),
    maxBytes: 0,
    keepsValues: false,
  }).catch((error) => {
    if (error instanceof NoSpace || error instanceof SpoolHeld) throw error
    throw new Unreadable(error.message, { cause: error })
  })
  try {
    if (spool.writes === 0) return 0
    requireSameLog(spool, logId, advice) // before its writer is registered in this one
    const opening = logOf(data.writerId).open()
    try {
      const session = await unlessAborted(opening, signal)
      return session ? await drain(spool, session, logger, signal) : 0
    } finally {
      await opening.then(
        (session) => session.close(),
        () => undefined,
      )
    }
  } finally {
    await spool.close().catch(() => undefined)
  }
}

/** On an abort it ends as on a lost connection; never before what it does with the spool has ended. */
async function drain(spool: Spool, session: LogSession, logger: Pick<Logger, 'warn'>, signal: AbortSignal) {
  const stop = () => void session.close()
  signal.addEventListener('abort', stop)
  try {
    requireSameLog(spool, session.head.logId, advice)
    const place = makePlace(await startOf(spool, session, logger), (entry) => spool.supersede(entry))
    await place.readThrough(session, session.head.sequence)
    const drainBatch = makeDrain({ spool, follower: place, logger })
    let drained = 0
    while (spool.writes > 0 && !signal.aborted) drained += await drainBatch(session)
    return drained
  } finally {
    signal.removeEventListener('abort', stop)
  }
}

/** Up to here the spool has been told what is superseded. */
async function startOf({ position }: Spool, session: LogSession, logger: Pick<Logger, 'warn'>) {
  if (!position) throw new Diverged('the spool holds writes and does not say for which log')
  if (await session.holds(position)) return position
  logger.warn('the log went back since writes were spooled; they go to the log as it is now')
  const { sequence } = session.head
  return { ...position, sequence: position.sequence < sequence ? position.sequence : sequence }
}
