import type { EarlierVersion } from '../core/earlier-version.ts'
import type { BatchEnd, ForeignEntry, LogPoint, MovedWrite, SpooledWrite, Write } from '../core/entry.ts'
import type { SlotRanges } from '../core/ring/slot-ranges.ts'
import { type Version, versionAt } from '../core/version.ts'
import { type Clock, systemClock } from '../lib/clock.ts'
import { type Random, systemRandom } from '../lib/random.ts'
import { brokenLog } from './divergence.ts'
import {
  type Committed,
  type Decided,
  type LogSession,
  NotAppended,
  RingUnseen,
  Unappendable,
  Unavailable,
  Undecided,
  type Verdict,
} from './log.ts'
import { nextDigest } from './next-digest.ts'
import { committedOf, copied, type Numbering, numberAfter, takeOver } from './numbering.ts'
import { makeServerTime } from './server-time.ts'
import type { LandedEnd } from './site-log.ts'
import type { Batch, Judgement, Landing, WriterStatements } from './writer-port.ts'

/** The numbering of one writer's writes, which makes an append happen exactly once. It outlives connections. */
export interface Writer {
  /** The writer's last write in the log. Throws before the first registration. */
  readonly committed: Committed
  /** What the writer's entries carry as `writer`; 0 before the first registration. */
  readonly writerNumber: number
  /**
   * Takes the writer over for this connection, which fences every earlier one, and so learns whether a batch of theirs
   * landed. Rejects with `Diverged` where the log lost acknowledged writes, or has writes that this process never sent.
   */
  register(statements: WriterStatements): Promise<void>
  /** Takes over the server's time, in seconds, from an answer to something else than an append. */
  noteServerTime(serverSeconds: number): void
  /** As `Log.now`. */
  now(): number | undefined
  /** As `LogSession.append`. */
  append(statements: WriterStatements, writes: readonly Write[], last?: bigint): Promise<BatchEnd>
  /** As `LogSession.appendSpooled`. */
  appendSpooled(statements: WriterStatements, writes: readonly SpooledWrite[], seen: bigint): Promise<BatchEnd>
  /** As `LogSession.appendConditional`. */
  appendConditional(
    statements: WriterStatements,
    logId: string,
    ...rest: Parameters<LogSession['appendConditional']>
  ): ReturnType<LogSession['appendConditional']>
  /** As `LogImport.append`. */
  appendForeign(statements: WriterStatements, entries: readonly ForeignEntry[], seen: bigint): Promise<LandedEnd>
  /** As `RingLog.append`; `Unavailable` where another session of the writer has taken its place. */
  appendRing(
    statements: WriterStatements,
    text: string,
    seen: bigint,
    vacated: SlotRanges,
  ): Promise<BatchEnd | undefined>
  /** As `KeyMover.append`; `Unavailable` where another session of the writer has taken its place. */
  appendMoved(
    statements: WriterStatements,
    moved: readonly MovedWrite[],
    ringEntry: bigint,
  ): Promise<BatchEnd | undefined>
  /** As `LogSession.seeRing`. */
  seeRing(statements: WriterStatements, through: bigint): Promise<void>
}

export interface WriterOptions {
  /** A data directory's identity in the log. */
  readonly id: string
  /** How long the answer to an append may take before its connection counts as lost, in milliseconds. */
  readonly timeoutMs: number
  readonly clock?: Clock
  readonly random?: Random
}

export function makeWriter({ id, timeoutMs, clock = systemClock, random = systemRandom }: WriterOptions): Writer {
  const numbering: Numbering = { id, session: '', writerNumber: 0, committed: undefined, sent: 0n }
  const serverTime = makeServerTime(clock)

  async function land(last: bigint, sending: Promise<Landing>): Promise<BatchEnd> {
    const landing = await sending
    serverTime.note(landing.serverSeconds)
    if ('end' in landing) {
      numbering.committed = { number: last, end: landing.end }
      return landing.end
    }
    if (landing.outcome === 'fenced') throw new Unappendable(copied)
    throw new Undecided(`the writes up to ${last} came too late`, { cause: new Error(tooLate) })
  }

  /** @param replacedBy what to say where another session is registered */
  async function landUnlessOvertaken(
    last: bigint,
    sending: Promise<Landing<'overtaken' | 'fenced'>>,
    replacedBy: string,
  ): Promise<BatchEnd | undefined> {
    const landing = await sending
    if (landing.outcome === 'fenced') throw new Unavailable(replacedBy)
    if (landing.outcome === 'landed') return land(last, Promise.resolve(landing))
    serverTime.note(landing.serverSeconds)
    return undefined
  }

  return {
    get committed() {
      return committedOf(numbering)
    },
    get writerNumber() {
      return numbering.writerNumber
    },
    noteServerTime: serverTime.note,
    now: serverTime.now,
    async register(statements) {
      const { writerNumber, committed, serverSeconds } = await takeOver(numbering, statements, random.uuid())
      Object.assign(numbering, { writerNumber, committed, sent: committed.number })
      serverTime.note(serverSeconds)
    },
    append(statements, writes, last = numberAfter(numbering, writes)) {
      // By the server's clock, the time at which this process gives up waiting, or sooner. A batch that the network
      // delivers later must not land: the node may have acknowledged it from its spool by then, and others may have
      // written its keys.
      const landsUntil = serverTime.after(timeoutMs - timerSlackMs)
      const mayLandUntil = clock.now() + timeoutMs
      return land(
        last,
        send(numbering, statements, last, (batch) => statements.append(batch, writes, landsUntil), mayLandUntil),
      )
    },
    appendSpooled(statements, writes, seen) {
      const last = writes.at(-1)?.number ?? 0n
      return land(
        last,
        send(numbering, statements, last, (batch) => statements.appendSpooled(batch, writes, seen)),
      )
    },
    async appendForeign(statements, entries, seen) {
      const { session } = numbering
      const last = numberAfter(numbering, entries)
      const sending = send(numbering, statements, last, (batch) => statements.appendForeign(batch, entries, seen))
      const end = await land(last, sending.then(requireNotRefused))
      const before = end.sequence - BigInt(entries.length)
      return {
        ...end,
        comesAfter: ({ sequence, digest }) =>
          sequence === before && nextDigest(digest, session, last).equals(end.digest),
      }
    },
    async appendRing(statements, text, seen, vacated) {
      const last = committedOf(numbering).number + 1n
      const sending = send(numbering, statements, last, (batch) => statements.appendRing(batch, text, seen, vacated))
      return landUnlessOvertaken(last, sending, replacedOnRing)
    },
    async appendMoved(statements, moved, ringEntry) {
      const last = numberAfter(numbering, moved)
      const sending = send(numbering, statements, last, (batch) => statements.appendMoved(batch, moved, ringEntry))
      return landUnlessOvertaken(last, sending, replacedMover)
    },
    seeRing: (statements, through) => statements.seeRing(numbering.id, numbering.session, through),
    async appendConditional(
      statements,
      logId,
      decided,
      seen,
      last = numberAfter(numbering, decided.flatMap(writesOf)),
    ) {
      const answer = await send(numbering, statements, last, (batch) =>
        statements.appendConditional(batch, decided, seen),
      )
      if (answer === undefined) throw new Unappendable(copied)
      const { judgements, end } = answer
      serverTime.noteEntry(end.recordedAt)
      const verdicts = judgements.map((judgement, index) => verdictOf(judgement, decided[index], logId))
      if (verdicts.some(({ outcome }) => outcome === 'landed')) numbering.committed = { number: last, end }
      return { verdicts, end }
    },
  }
}

/** Of entries of other logs. */
function requireNotRefused(landing: Landing<'repeated' | 'fenced'>): Landing {
  if (landing.outcome === 'repeated') throw new Unappendable(repeated)
  if (landing.outcome === 'fenced') throw new Unavailable(replaced)
  return landing as Landing
}

/** Sends a batch, and says by the class of the error what became of one that failed. */
async function send<Answer>(
  numbering: Numbering,
  statements: WriterStatements,
  last: bigint,
  run: (batch: Batch) => Promise<Answer>,
  mayLandUntil?: number,
): Promise<Answer> {
  const batch = { writerId: numbering.id, session: numbering.session, after: committedOf(numbering).number, last }
  numbering.sent = last
  try {
    return await run(batch)
  } catch (error) {
    const failure = statements.failureOf(error)
    if (failure === 'unknown') {
      throw new Undecided(`no answer to the writes up to ${last}`, { cause: error, mayLandUntil })
    }
    const message = error instanceof Error ? error.message : String(error)
    if (failure === 'unseen') throw new RingUnseen(error)
    if (failure === 'broken') throw new Unappendable(brokenLog(message), { cause: error })
    throw new NotAppended(message, failure === 'down', error)
  }
}

/** What was answered before is taken from the log, all else from the node's own decision. */
function verdictOf(judgement: Judgement, decided: Decided | undefined, logId: string): Verdict {
  const { currentEarlier, ...rest } = judgement
  const { outcome, current } = rest
  return {
    ...rest,
    current: outcome === 'answered' ? current && versionOf(logId, current, currentEarlier) : decided?.current,
  }
}

/** A value that has moved keeps the tag that it had before. */
function versionOf(logId: string, entry: LogPoint, earlier: EarlierVersion | undefined): Version {
  return earlier === undefined ? versionAt(logId, entry) : { sequence: entry.sequence, tag: earlier.tag }
}

const writesOf = ({ writes }: Decided) => writes

/** Node may fire a timer a millisecond early, and a server's clock may be as coarse. */
const timerSlackMs = 2

const repeated = 'an entry of another log was to be taken over that the log has already, or that is its own'

const replaced = 'another node takes over the entries of other logs in this one’s place'

const replacedMover = 'another node moves the keys of this log in this one’s place'

const replacedOnRing = 'another change of the ring was under way in this log at the same time'

const tooLate =
  'by its clock a batch came to its turn after the node had given up on it, and was not stored: did that clock jump ' +
  'ahead?'
