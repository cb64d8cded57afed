import type { SpooledWrite } from '../core/entry.ts'
import { unlessAborted } from '../lib/abort.ts'
import type { Logger } from '../lib/logging.ts'
import { Diverged, type Log, type LogSession } from '../log/index.ts'
import { makeDrain, ownedBy, requireSameLog } from '../replica/index.ts'
import { NoSpace, Outdated, openSpool, type Spool, SpoolHeld } from '../spool/index.ts'
import { makePositionFollower } from './position-follower.ts'
import type { SlotLock } from './slot-storage.ts'

export interface OrphanOptions {
  /** Lock on the orphan's slot, held by this process. */
  readonly slot: Pick<SlotLock, 'writerId' | 'spoolStorage'>
  /** Id of the log that this node serves. */
  readonly logId: string
  /** Returns that log for appends under a writer's identity. */
  readonly logOf: (writerId: string) => Log
  readonly logger: Pick<Logger, 'warn'>
  /** As `PassOn`, for a write of a writer; undefined where the log is no member's of a ring. */
  readonly passOn?: PassOnFor | undefined
}

export type PassOnFor = (writerId: string, spooled: SpooledWrite) => Promise<void>

/** The spool can't be read, and a retry would not help. */
export class UnreadableSpool extends Error {
  override readonly name = 'UnreadableSpool'
}

const advice = 'start a node on the log they are for, with this KVS_DATA_DIR'

/**
 * Appends the spool of a dead node to the log, as that node would: under its identity and its numbers, each write once,
 * in order, and superseded if another writer's entry came first. What the log has given away is passed on. It may be
 * interrupted at any moment and repeated by whoever locks the slot. The spool is closed when it returns or rejects.
 * @returns number of writes that left the spool
 * @throws UnreadableSpool; Diverged when the spool is for another log; any other error may pass by a later retry
 */
export async function drainOrphan(options: OrphanOptions, signal: AbortSignal): Promise<number> {
  const { slot, logId, logOf } = options
  const spool = await openOrphan(slot)
  try {
    if (spool.writes === 0) return 0
    requireSameLog(spool, logId, advice) // before its writer is registered in this log
    const opening = logOf(slot.writerId).open()
    try {
      const session = await unlessAborted(opening, signal)
      return session ? await drain(spool, session, options, signal) : 0
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

function openOrphan({ spoolStorage: storage }: OrphanOptions['slot']): Promise<Spool> {
  return openSpool({ storage, maxBytes: 0, keepsValues: false }).catch((error) => {
    if ([NoSpace, Outdated, SpoolHeld].some((kind) => error instanceof kind)) throw error
    throw new UnreadableSpool(error.message, { cause: error })
  })
}

/**
 * An abort closes the session, so that the drain ends as on a lost connection, and never in the middle of a change of
 * the spool.
 */
async function drain(
  spool: Spool,
  session: LogSession,
  { slot, logger, passOn }: OrphanOptions,
  signal: AbortSignal,
): Promise<number> {
  const stop = () => void session.close()
  signal.addEventListener('abort', stop)
  try {
    requireSameLog(spool, session.head.logId, advice)
    const start = await startPosition(spool, session, logger)
    const follower = makePositionFollower(start, spool.supersede, spool.noteOwn)
    await follower.readThrough(session, session.head.sequence)
    // By the session's own head: the node may not have read as far.
    const owns = ownedBy(session.head.ring)
    const passing = passOn && { owns, passOn: (spooled: SpooledWrite) => passOn(slot.writerId, spooled) }
    const drainBatch = makeDrain({ spool, follower, logger, passing })
    let drained = 0
    while (spool.writes > 0 && !signal.aborted) drained += await drainBatch(session)
    return drained
  } finally {
    signal.removeEventListener('abort', stop)
  }
}

/** Position up to which the spool knows what is superseded. */
async function startPosition({ position }: Spool, session: LogSession, logger: Pick<Logger, 'warn'>) {
  if (!position) throw new Diverged('the spool holds writes and does not say for which log')
  if (await session.holds(position)) return position
  logger.warn('the log went back since writes were spooled; they go to the log as it is now')
  const { sequence } = session.head
  return { ...position, sequence: position.sequence < sequence ? position.sequence : sequence }
}
