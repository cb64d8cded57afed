export { slotOfAnswer } from './answer-slot.ts'
export { type AppendTally, makeAppendTally } from './append-tally.ts'
export {
  type Advance,
  type CheckpointPace,
  type CheckpointSchedule,
  type Lag,
  makeCheckpointSchedule,
  usualPace,
} from './checkpoint-schedule.ts'
export { askedOfLog } from './client-errors.ts'
export { brokenLog, UnknownEntry, wentBackAdvice } from './divergence.ts'
export { type HeldSession, makeHeldSession } from './held-session.ts'
export {
  type Committed,
  type Decided,
  Diverged,
  type Head,
  type Idempotency,
  type Log,
  type LogSession,
  NotAppended,
  Refused,
  type RingChangeEntry,
  RingUnseen,
  Unappendable,
  Unavailable,
  Undecided,
  type Verdict,
} from './log.ts'
export { nextDigest } from './next-digest.ts'
export { makePageSize, pageLimits } from './page-size.ts'
export { makeRingAppender } from './ring-appender.ts'
export type { EntryReader, KeyMover, RingLog } from './ring-log.ts'
export { wholeMilliseconds } from './server-time.ts'
export type {
  DeletedKey,
  DeletesPage,
  LandedBatch,
  LandedEnd,
  LogImport,
  LogReader,
  MemberEntry,
  SiteLog,
} from './site-log.ts'
export { type LastOfOrigin, makeTakenOver, siteWriterId, type TakenOver } from './taken-over.ts'
export { makeWholeBatches, type WholeBatches } from './whole-batches.ts'
export { makeWriter, type Writer, type WriterOptions } from './writer.ts'
export type { Batch, Judgement, Landing, Registration, WriterStatements } from './writer-port.ts'
