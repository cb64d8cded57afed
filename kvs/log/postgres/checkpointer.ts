import { setTimeout as sleep } from 'node:timers/promises'
import { DatabaseError } from 'pg'
import { forPurpose, type PostgresTarget } from '../../config/index.ts'
import { unlessAborted } from '../../lib/abort.ts'
import { makeBackoff } from '../../lib/backoff.ts'
import { tooLate } from './answers.ts'
import { advanceCheckpoint, type Lag, readLag } from './checkpoint.ts'
import { type Connection, connect } from './connection.ts'
import { explain, whereOf } from './failure-sentences.ts'
import { readSize } from './log-size.ts'
import { type OldestSnapshot, readOldestSnapshot } from './old-snapshots.ts'
import { enterSchema } from './schema.ts'
import { settle } from './session-settings.ts'

/** When and how fast the checkpoint is brought forward. */
export interface Pace {
  readonly lookEveryMs: number
  /** How often the log's size is asked for. */
  readonly sizeEveryMs: number
  /** A log that moves may be so many entries ahead: a start reads 50,000 in about 0.1 s. */
  readonly moving: number
  /** One that has not moved since the last look, so many: a start reads them in a few milliseconds. */
  readonly quiet: number
  /** Entries a step: some 40 ms of one core with 100-byte values, and a snapshot held no longer than that. */
  readonly step: number
  readonly leastStep: number
  /** How much of the time steps may take, at 8 µs an entry: 15,000 entries/s beside a log that moves, 60,000 else. */
  readonly movingShare: number
  readonly quietShare: number
}

const usualPace: Pace = {
  lookEveryMs: 5_000,
  sizeEveryMs: 60_000,
  moving: 50_000,
  quiet: 1_000,
  step: 5_000,
  leastStep: 100,
  movingShare: 1 / 8,
  quietShare: 1 / 2,
}

export interface CheckpointerOptions {
  readonly target: PostgresTarget
  /** The log that it is for, in whatever schema of the database; undefined where the search_path leads to it. */
  readonly logId?: () => string | undefined
  /** How long connecting, or one step, may take before the connection counts as lost. */
  readonly timeoutMs: number
  readonly warn: (message: string) => void
  readonly pace?: Partial<Pace>
  /**
   * How far this node has applied the log. As long as that does not change, a log with nothing to do for a checkpoint is
   * not asked again: an idle node leaves Postgres alone. Undefined: it is asked at each look.
   */
  readonly position?: () => string
}

export interface Checkpointer {
  /**
   * Brings the log's checkpoint forward, on a connection of its own, until the signal aborts; never rejects. Any number
   * of nodes may run it on one log: one works, the others see that and leave it to that one.
   */
  run(signal: AbortSignal): Promise<void>
  /** What the log takes in Postgres, in bytes, as it was lately; undefined while the connection is gone. */
  readonly logSize: number | undefined
  /** As of the same time. */
  readonly oldestSnapshot: OldestSnapshot | undefined
}

export function makeCheckpointer({ timeoutMs, warn, position, ...options }: CheckpointerOptions): Checkpointer {
  const target = forPurpose(options.target, 'checkpoint')
  const pace = { ...usualPace, ...options.pace }
  const backoff = makeBackoff({ firstMs: 1_000, maxMs: 60_000 })
  const told = new Set<string>()
  let { step } = pace
  let logSize: number | undefined
  let oldestSnapshot: OldestSnapshot | undefined
  let sizeIsDue = 0
  /** Where this node was when the size was asked for. */
  let sizedAt: string | undefined

  async function work(connection: Connection, signal: AbortSignal): Promise<void> {
    await settle(connection)
    const logId = options.logId?.()
    await enterSchema(connection, { logId, isMet: logId !== undefined }, target.user)
    let last = await readLag(connection)
    let lost: Error | undefined
    void connection.lost.then((error) => (lost = error))
    /** Where this node was when there was nothing to do. */
    let restsAt: string | undefined
    sizeIsDue = 0
    sizedAt = undefined
    while (!signal.aborted) {
      await lookAtSize(connection)
      await pause(pace.lookEveryMs, signal)
      if (lost) throw lost
      const at = position?.()
      if (at !== undefined && at === restsAt) continue
      const lag = await readLag(connection)
      const othersAreAtIt = lag.checkpoint !== last.checkpoint
      const isQuiet = lag.head === last.head
      const isBehind = lag.head - lag.checkpoint > (isQuiet ? pace.quiet : pace.moving)
      restsAt = isQuiet && !isBehind ? at : undefined
      last = isBehind && !othersAreAtIt ? await bringForward(connection, signal, lag) : lag
      backoff.reset()
    }
  }

  async function lookAtSize(connection: Connection): Promise<void> {
    const at = position?.()
    // A snapshot that was held the last time is followed to its end.
    const isHeld = oldestSnapshot !== undefined && oldestSnapshot.seconds * 1_000 > pace.sizeEveryMs
    const rests = at !== undefined && at === sizedAt && !isHeld
    if (performance.now() < sizeIsDue || rests) return
    logSize = await readSize(connection)
    oldestSnapshot = await readOldestSnapshot(connection)
    sizedAt = at
    sizeIsDue = performance.now() + pace.sizeEveryMs
  }

  /** To the end of a log that is quiet, or near enough to that of one that moves. */
  async function bringForward(connection: Connection, signal: AbortSignal, from: Lag): Promise<Lag> {
    let lag = from
    sizedAt = undefined
    while (!signal.aborted) {
      const since = performance.now()
      const { outcome, before, reached, behind } = await advanceCheckpoint(connection, step)
      const tookMs = performance.now() - since
      if (outcome === 'busy') return lag
      const isAlone = before === lag.checkpoint
      const isQuiet = reached + behind === lag.head
      lag = { head: reached + behind, checkpoint: reached }
      step = Math.min(pace.step, Math.ceil(step * 1.1))
      if (!isAlone || behind <= (isQuiet ? 0 : pace.moving)) return lag
      await pause(tookMs / (isQuiet ? pace.quietShare : pace.movingShare) - tookMs, signal)
    }
    return lag
  }

  /** Steps get smaller as long as they do not end in time, so that a slow disk gets there in the end. */
  function tell(error: unknown): void {
    const isOver = error instanceof Error && error.message === tooLate
    const isLeast = step === pace.leastStep
    if (isOver) step = Math.max(pace.leastStep, Math.floor(step / 2))
    // Of outages the log's own connection tells.
    const isOutage = error instanceof DatabaseError ? /^(08|57P)/.test(error.code ?? '') : !(error instanceof TypeError)
    if (isOutage && !(isOver && isLeast)) return
    const reason = explain(error, whereOf(target))
    if (!told.has(reason)) warn(`the checkpoint is not brought forward, and starts take longer: ${reason}`)
    told.add(reason)
  }

  return {
    get logSize() {
      return logSize
    },
    get oldestSnapshot() {
      return oldestSnapshot
    },
    async run(signal) {
      while (!signal.aborted) {
        await backoff.pause(signal)
        if (signal.aborted) return
        const connecting = connect(target, timeoutMs)
        try {
          await unlessAborted(
            connecting.then((connection) => work(connection, signal)),
            signal,
          )
        } catch (error) {
          tell(error)
        }
        logSize = undefined
        oldestSnapshot = undefined
        await connecting.then(
          (connection) => connection.close(),
          () => undefined,
        )
      }
    },
  }
}

async function pause(ms: number, signal: AbortSignal): Promise<void> {
  await sleep(ms, undefined, { signal }).catch(() => undefined)
}
