/**
 * When and how fast the checkpoint is brought forward. A log moves where it has grown since the last poll; else it is
 * quiet.
 */
export interface CheckpointPace {
  readonly pollEveryMs: number
  /** How often the log's size is read. */
  readonly sizeEveryMs: number
  /** How many entries a log that moves may be ahead of the checkpoint: a start reads 50,000 in about 0.1 s. */
  readonly movingLag: number
  /** How many entries a quiet log may be ahead: a start reads 1,000 in a few milliseconds. */
  readonly quietLag: number
  /** Entries in a step. 5,000 with 100-byte values take 40 ms of one core, and the step's snapshot is held as long. */
  readonly step: number
  /** Entries in the smallest step, where larger ones do not end in time. */
  readonly leastStep: number
  /** Share of the time that steps may take while the log moves. At 8 µs an entry, an eighth is 15,000 entries/s. */
  readonly movingShare: number
  /** The same while the log is quiet. Half of the time is 60,000 entries/s. */
  readonly quietShare: number
}

export const usualPace: CheckpointPace = {
  pollEveryMs: 5_000,
  sizeEveryMs: 60_000,
  movingLag: 50_000,
  quietLag: 1_000,
  step: 5_000,
  leastStep: 100,
  movingShare: 1 / 8,
  quietShare: 1 / 2,
}

export interface Lag {
  /** The log's last sequence. */
  readonly head: bigint
  /** The checkpoint's sequence; 0n where this log has no checkpoint. */
  readonly checkpoint: bigint
}

/** What one step did. */
export interface Advance {
  /** The checkpoint's sequence before the step. */
  readonly before: bigint
  /** Its sequence after the step. */
  readonly reached: bigint
  /** How many sequences the log is ahead of that. */
  readonly behind: bigint
}

/** Decides when this node folds entries into the checkpoint, how many at a time, and how long it rests in between. */
export interface CheckpointSchedule {
  /** Entries in the next step. */
  readonly step: number
  /** Whether steps are as small as they get. */
  readonly isAtLeastStep: boolean
  /** Begins on a new connection. */
  begin(lag: Lag): void
  /**
   * Whether the log has to be asked for its lag. An idle node leaves Postgres alone: as long as the node's position
   * stays the one at which the checkpoint had nothing to do, nothing is asked.
   * @param position how far this node has applied the log; undefined where that is unknown, and the log is always asked
   */
  isPollDue(position: string | undefined): boolean
  /**
   * Whether to begin with steps: the checkpoint is too far behind, and no other node has moved it since the last poll.
   */
  notePoll(lag: Lag, position: string | undefined): boolean
  /**
   * How many milliseconds to rest before the next step; undefined where this was the last one: a quiet log's end is
   * reached, a moving log's is near enough, or another node does steps as well.
   */
  noteStep(advance: Advance, tookMs: number): number | undefined
  /**
   * Halves the steps, so that a slow disk copes in the end. They grow again by a tenth with each step that ends in
   * time.
   */
  noteTimeout(): void
}

export function makeCheckpointSchedule(pace: CheckpointPace): CheckpointSchedule {
  let { step } = pace
  let last: Lag = { head: 0n, checkpoint: 0n }
  /** Where this node was when the checkpoint had nothing to do. */
  let restsAt: string | undefined

  return {
    get step() {
      return step
    },
    get isAtLeastStep() {
      return step === pace.leastStep
    },
    begin(lag) {
      last = lag
      restsAt = undefined
    },
    isPollDue: (position) => position === undefined || position !== restsAt,
    notePoll(lag, position) {
      const isMovedByOthers = lag.checkpoint !== last.checkpoint
      const isQuiet = lag.head === last.head
      const isBehind = lag.head - lag.checkpoint > (isQuiet ? pace.quietLag : pace.movingLag)
      restsAt = isQuiet && !isBehind ? position : undefined
      last = lag
      return isBehind && !isMovedByOthers
    },
    noteStep({ before, reached, behind }, tookMs) {
      const isAlone = before === last.checkpoint
      const isQuiet = reached + behind === last.head
      last = { head: reached + behind, checkpoint: reached }
      step = Math.min(pace.step, Math.ceil(step * 1.1))
      if (!isAlone || behind <= (isQuiet ? 0 : pace.movingLag)) return undefined
      return tookMs / (isQuiet ? pace.quietShare : pace.movingShare) - tookMs
    },
    noteTimeout() {
      step = Math.max(pace.leastStep, Math.floor(step / 2))
    },
  }
}
