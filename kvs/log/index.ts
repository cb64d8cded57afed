export { type AppendTally, makeAppendTally } from './append-tally.ts'
export {
  advice,
  type Committed,
  type Decided,
  Diverged,
  type Head,
  type Log,
  type LogSession,
  NotAppended,
  Refused,
  Unappendable,
  Unavailable,
  Undecided,
  type Verdict,
} from './log.ts'
