import { DatabaseError } from 'pg'
import { forPurpose, type PostgresTarget } from '../../config/index.ts'
import { unlessAborted } from '../../lib/abort.ts'
import { makeBackoff } from '../../lib/backoff.ts'
import { type Clock, systemClock } from '../../lib/clock.ts'
import { type Random, systemRandom } from '../../lib/random.ts'
import { type CheckpointPace, type CheckpointSchedule, makeCheckpointSchedule, usualPace } from '../index.ts'
import { advanceCheckpoint, readLag } from './checkpoint-statements.ts'
import { type Connection, connect } from './connection.ts'
import { explain, whereOf } from './failure-explanation.ts'
import { makeSizeMonitor, type SizeMonitor } from './log-size.ts'
import type { OldestSnapshot } from './oldest-snapshot.ts'
import { queryTimeout } from './postgres-errors.ts'
import { enterSchema } from './schema-search.ts'
import { applySettings } from './session-settings.ts'

export interface CheckpointerOptions {
  readonly target: PostgresTarget
  /**
   * The id of the log to find, in whatever schema of the database; undefined for the one that the search_path leads to.
   */
  readonly logId?: () => string | undefined
  /** How long connecting, or one step, may take before the connection counts as lost, in milliseconds. */
  readonly timeoutMs: number
  readonly warn: (message: string) => void
  /** Whether the log takes over entries of other logs, so that deletes have to be known to those that come later. */
  readonly tombstones?: boolean
  readonly pace?: Partial<CheckpointPace>
  /**
   * How far this node has applied the log. As long as that stays the same, a log whose checkpoint had nothing to do is
   * not asked again, so an idle node leaves Postgres alone. Without it, the log is asked at each poll.
   */
  readonly position?: () => string
  readonly clock?: Clock
  readonly random?: Random
}

export interface Checkpointer {
  /**
   * Brings the log's checkpoint forward, on a connection of its own, until the signal aborts. Never rejects. Any number
   * of nodes may run it on one log: one of them works, and the others notice and leave the work to it.
   */
  run(signal: AbortSignal): Promise<void>
  /** What the log takes in Postgres, in bytes, as last read; undefined while the connection is gone. */
  readonly logSize: number | undefined
  /** As of the same time. */
  readonly oldestSnapshot: OldestSnapshot | undefined
}

/** What the functions below share. */
interface Work {
  readonly options: CheckpointerOptions
  readonly target: PostgresTarget
  readonly pace: CheckpointPace
  readonly clock: Clock
  readonly schedule: CheckpointSchedule
  readonly sizes: SizeMonitor
  /** Reasons that were logged already. */
  readonly warned: Set<string>
}

export function makeCheckpointer(options: CheckpointerOptions): Checkpointer {
  const { clock = systemClock, random = systemRandom } = options
  const pace = { ...usualPace, ...options.pace }
  const target = forPurpose(options.target, 'checkpoint')
  const backoff = makeBackoff({ firstMs: 1_000, maxMs: 60_000, clock, random })
  const sizes = makeSizeMonitor(pace.sizeEveryMs, clock)
  const work = {
    options,
    target,
    pace,
    clock,
    schedule: makeCheckpointSchedule(pace),
    sizes,
    warned: new Set<string>(),
  }

  return {
    get logSize() {
      return sizes.logSize
    },
    get oldestSnapshot() {
      return sizes.oldestSnapshot
    },
    async run(signal) {
      while (!signal.aborted) {
        await backoff.pause(signal)
        if (signal.aborted) return
        const connecting = connect(target, options.timeoutMs, clock)
        const following = connecting.then((connection) => follow(work, connection, signal, backoff.reset))
        await unlessAborted(following, signal).catch((error) => warnOnce(work, error))
        sizes.end()
        await connecting.then(
          (connection) => connection.close(),
          () => undefined,
        )
      }
    },
  }
}

/** Polls the log over one connection until the signal aborts. Rejects once the connection is lost. */
async function follow(work: Work, connection: Connection, signal: AbortSignal, onPolled: () => void): Promise<void> {
  const { options, clock, pace, schedule, sizes } = work
  await applySettings(connection)
  const logId = options.logId?.()
  await enterSchema(connection, { logId, isMet: logId !== undefined }, work.target.user)
  schedule.begin(await readLag(connection))
  let lost: Error | undefined
  void connection.lost.then((error) => (lost = error))
  sizes.begin()
  while (!signal.aborted) {
    await sizes.poll(connection, options.position?.())
    await clock.sleep(pace.pollEveryMs, signal)
    if (lost) throw lost
    const position = options.position?.()
    if (!schedule.isPollDue(position)) continue
    if (schedule.notePoll(await readLag(connection), position)) await bringForward(work, connection, signal)
    onPolled()
  }
}

async function bringForward({ options, clock, schedule, sizes }: Work, connection: Connection, signal: AbortSignal) {
  sizes.noteChange()
  while (!signal.aborted) {
    const since = clock.now()
    const { outcome, ...advance } = await advanceCheckpoint(connection, schedule.step, options.tombstones === true)
    if (outcome === 'busy') return
    const restMs = schedule.noteStep(advance, clock.now() - since)
    if (restMs === undefined) return
    await clock.sleep(restMs, signal)
  }
}

/** Warns of each reason once, but not of an outage, of which the log's own connection tells. */
function warnOnce({ options, target, schedule, warned }: Work, error: unknown): void {
  const isTimeout = error instanceof Error && error.message === queryTimeout
  const wasAtLeastStep = schedule.isAtLeastStep
  if (isTimeout) schedule.noteTimeout()
  const isOutage = error instanceof DatabaseError ? /^(08|57P)/.test(error.code ?? '') : !(error instanceof TypeError)
  if (isOutage && !(isTimeout && wasAtLeastStep)) return
  const reason = explain(error, whereOf(target))
  if (!warned.has(reason)) options.warn(`the checkpoint is not brought forward, and starts take longer: ${reason}`)
  warned.add(reason)
}
