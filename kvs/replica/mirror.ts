import type { BatchEnd, LogPoint, Write } from '../core/entry.ts'
import { isExpiry } from '../core/operation/operation.ts'
import {
  type Decided,
  Diverged,
  type LandedBatch,
  type LogSession,
  makeWholeBatches,
  type Verdict,
} from '../log/index.ts'
import { makeView, type View } from '../view/index.ts'
import type { Appended } from './append/write-queue.ts'
import { type AppliedEntries, makeAppliedEntries } from './applied-entries.ts'
import { apply, applyAll } from './applying.ts'
import { takeLanded } from './landed-batch.ts'
import { anotherLog, isContinued, wentBack } from './log-continuity.ts'
import type { MirrorOptions, Progress } from './mirror-progress.ts'
import { makeRingNews, type RingNews } from './ring-news.ts'
import { placeText, positionText } from './view-position.ts'
import { type Replayed, replay, requireWhole, totalToReplay } from './view-replay.ts'

/**
 * One view, kept in step with one log over however many sessions. Entries come into the view in the order of the log
 * only, so this node's own appends go through here as well.
 */
export interface Mirror {
  readonly view: View
  /** Undefined before the first session. */
  readonly logId: string | undefined
  /**
   * What the view has, as `positionText`; undefined before the first session. Always the end of a batch: during the
   * replay it stays where that began.
   */
  readonly position: string | undefined
  /** Entries, and keys of the checkpoint, that were read from the log. */
  readonly replayed: number
  /** How many of them there are to read. */
  readonly total: number
  /** Highest sequence that the log is known to have; 0n before the first session. */
  readonly head: bigint
  /** How many sessions it was given. What was known of the log may not hold any more once that has risen. */
  readonly sessions: number
  /** The entries on the ring that were applied, as far as the log is to be told of them. */
  readonly ring: Pick<RingNews, 'isUntold' | 'tell'>
  /** Rejects with `Diverged` where the session's log is no continuation of what was applied. */
  requireSamePast(session: LogSession): Promise<void>
  /**
   * Builds the view in bulk, up to the session's head: from the checkpoint and the log after it, or from the log alone.
   * After a rejection the next call goes on from there.
   */
  replay(session: LogSession): Promise<Replayed>
  /**
   * Applies what has come since, up to the session's head.
   * @param afterPage awaited after each page, so that a long way does not hold up everything else
   * @returns for each of this node's own entries among them, in order, whether it took the place of a value
   */
  catchUp(session: LogSession, afterPage?: () => Promise<void>): Promise<readonly boolean[]>
  /** Gets what is applied after the replay. */
  readonly applied: AppliedEntries
  /** Takes note of entries that this node has just taken over: where they come next, they are applied unread. */
  noteLanded(batch: LandedBatch): void
  /** Applies the log up to a sequence that it is known to have. */
  readThrough(session: LogSession, sequence: bigint): Promise<void>
  /**
   * Applies all that the log has by now. Returns its last sequence. Rejects with `Diverged` where entries were removed.
   */
  tail(session: LogSession): Promise<bigint>
  /**
   * Appends the batch, as `LogSession.append`, and applies it, after whatever others have committed before it. On
   * return the writes are committed and in the view. Rejects as `LogSession.append` and `read` do.
   */
  append(session: LogSession, batch: readonly Write[], last?: bigint): Promise<Appended>
  /**
   * The same for what was decided on by the view as it is. Of this, the writes that landed are applied.
   * @returns a verdict for each decision
   */
  appendConditional(session: LogSession, batch: readonly Decided[], last?: bigint): Promise<readonly Verdict[]>
}

const nothing = () => undefined

export function makeMirror(options: MirrorOptions = {}): Mirror {
  const { onOthers = nothing, onOwn = nothing, onKey = nothing, onMembership = nothing } = options
  const { hashSecret, site = false, mostHeld } = options
  const progress: Progress = {
    view: makeView(),
    ...{ logId: undefined, gapsUpTo: 0n, loaded: 0, replayed: 0, total: 0, head: 0n },
    own: [],
    batches: makeWholeBatches(),
    landed: undefined,
    applied: makeAppliedEntries(mostHeld),
    replayedFrom: undefined,
    ring: makeRingNews(options.ring ?? { note: nothing, foresee: nothing }),
    ...{ onOthers, onOwn, onKey, onMembership, hashSecret, site },
  }
  let sessions = 0
  let position = { of: progress.view.position, text: '' }

  return {
    get view() {
      return progress.view
    },
    get logId() {
      return progress.logId
    },
    get position() {
      if (progress.logId === undefined) return undefined
      if (progress.replayedFrom !== undefined) return progress.replayedFrom
      // Each answer has it, and all answers of a batch have the same.
      const of = progress.view.position
      if (position.of !== of) position = { of, text: positionText(progress) }
      return position.text
    },
    get replayed() {
      return progress.replayed
    },
    get total() {
      return progress.total
    },
    get head() {
      return progress.head
    },
    get sessions() {
      return sessions
    },
    applied: progress.applied,
    ring: progress.ring,
    noteLanded(batch) {
      // A tail may have been faster.
      if (batch.end.sequence > progress.view.position.sequence) progress.landed = batch
    },
    requireSamePast(session) {
      sessions++
      return requireSamePast(progress, session)
    },
    replay: (session) => replay(progress, session),
    catchUp: (session, afterPage) => catchUp(progress, session, afterPage),
    readThrough: (session, sequence) => readThrough(progress, session, sequence),
    tail: (session) => tail(progress, session),
    append: (session, batch, last) => append(progress, session, batch, last),
    appendConditional: (session, batch, last) => appendConditional(progress, session, batch, last),
  }
}

function noteHead(progress: Progress, sequence: bigint): void {
  if (sequence > progress.head) progress.head = sequence
}

async function requireSamePast(progress: Progress, session: LogSession): Promise<void> {
  const { logId, sequence, adoptedThrough } = session.head
  progress.batches.clear()
  progress.landed = undefined
  if (progress.logId === undefined) {
    progress.logId = logId
    progress.gapsUpTo = adoptedThrough
    progress.view = makeView({ logId, gapsUpTo: adoptedThrough, hashSecret: progress.hashSecret, ranks: progress.site })
  }
  if (logId !== progress.logId) throw anotherLog(placeText(progress), logId)
  noteHead(progress, sequence)
  if (!(await session.holds(progress.view.position))) throw wentBack(placeText(progress), sequence)
  progress.ring.begin(session.head, progress.view.position.sequence)
}

async function catchUp(progress: Progress, session: LogSession, afterPage?: () => Promise<void>) {
  progress.total = totalToReplay(progress, session)
  // No further than that: a busy writer elsewhere would have a new page ready for ever.
  while (progress.view.position.sequence < session.head.sequence) {
    if (!(await applyPage(progress, session, session.head.sequence, progress.own))) requireWhole(progress, session)
    await afterPage?.()
  }
  progress.ring.caughtUp()
  const { own } = progress
  progress.own = []
  return own
}

/**
 * Reads a page, and applies what makes whole batches of it.
 * @param through the end of a batch
 * @param own gets, for each of this node's own entries, whether it took the place of a value
 * @returns whether there was anything to read
 */
async function applyPage(progress: Progress, session: LogSession, through: bigint, own?: boolean[]): Promise<boolean> {
  const page = await session.read(progress.batches.readThrough ?? progress.view.position.sequence, through)
  const whole = progress.batches.take(page, through)
  applyAll(progress, whole, own)
  progress.replayed += whole.length
  progress.total = Math.max(progress.total, progress.replayed)
  return page.length > 0
}

async function readThrough(progress: Progress, session: LogSession, sequence: bigint, head?: LogPoint): Promise<void> {
  while (progress.view.position.sequence < sequence) {
    const landed = await takeLanded(progress, session, head)
    if (landed) applyAll(progress, landed)
    else if (!(await applyPage(progress, session, sequence)))
      throw new Diverged(`the log breaks off before ${sequence}`)
  }
}

async function tail(progress: Progress, session: LogSession): Promise<bigint> {
  const end = await session.askHead()
  noteHead(progress, end.sequence)
  await readThrough(progress, session, end.sequence, end)
  if (!isContinued(progress.view.position, end, progress.gapsUpTo)) {
    throw wentBack(placeText(progress), end.sequence)
  }
  return end.sequence
}

async function append(progress: Progress, session: LogSession, batch: readonly Write[], last?: bigint) {
  const end = await session.append(batch, last)
  return { logId: session.head.logId, end, replaced: await applyOwn(progress, session, batch, end) }
}

async function appendConditional(progress: Progress, session: LogSession, batch: readonly Decided[], last?: bigint) {
  const { verdicts, end } = await session.appendConditional(batch, progress.view.position.sequence, last)
  const landed = batch.filter((_, index) => verdicts[index]?.outcome === 'landed')
  await applyOwn(
    progress,
    session,
    landed.flatMap(({ writes }) => writes),
    end,
  )
  return verdicts
}

/** Applies the log's last entries, just committed, after all that others have committed before them. */
async function applyOwn(progress: Progress, session: LogSession, writes: readonly Write[], end: BatchEnd) {
  const { digest, recordedAt } = end
  noteHead(progress, end.sequence)
  const before = end.sequence - BigInt(writes.length)
  await readThrough(progress, session, before)
  return writes.map((write, index) => {
    const sequence = before + BigInt(index + 1)
    // An expiry has the stamp of what it removes. Without ranks nobody asks for it.
    const stamp = (isExpiry(write) ? progress.view.rankOf(write.key)?.stamp : undefined) ?? end.stamp
    return apply(progress, {
      ...{ sequence, digest, superseded: false, isOwn: true, recordedAt, write },
      ...{ stamp, origin: undefined },
    })
  })
}
