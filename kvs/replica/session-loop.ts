import { KvsError } from '../core/errors.ts'
import type { Logger } from '../lib/logging.ts'
import { type LogSession, NotAppended, Unavailable, Undecided } from '../log/index.ts'
import { SpoolStorageError } from '../spool/index.ts'
import { settleDoubt, settleSpooledDoubt, spoolBatch } from './append/batches.ts'
import { isDivergence, stayDiverged } from './log-continuity.ts'
import type { Outage } from './outage.ts'
import type { RoundParts, Rounds } from './rounds.ts'
import { isReplayed, type LossCause } from './state/node-state.ts'
import { may } from './state/permissions.ts'

export interface LoopParts extends RoundParts {
  readonly outage: Outage
  readonly rounds: Rounds
  /** Called with the log's id after the first replay. */
  readonly onReplayed: (logId: string) => void
  /** How often the log is asked for what others have appended, and for a sign of life, in milliseconds. */
  readonly tailIntervalMs: number
  readonly logger: Logger
}

/**
 * Leads the node from session to session: replay or catch up, drain the spool, then follow until the session is lost.
 */
export interface SessionLoop {
  /**
   * Runs until the signal aborts, and spools then what still waits. Rejects with what another try won't mend: a defect,
   * or what only an operator can.
   */
  run(signal: AbortSignal): Promise<void>
  /** Ends the session, after the signal has aborted. */
  stop(): Promise<void>
}

/** The session that is open or being used; undefined between sessions. */
interface Current {
  session: LogSession | undefined
}

export function makeSessionLoop(parts: LoopParts): SessionLoop {
  const current: Current = { session: undefined }

  return {
    async run(signal) {
      try {
        await run(parts, current, signal)
      } catch (error) {
        parts.machine.apply({ kind: 'failed', reason: error instanceof Error ? error.message : String(error) })
        throw error
      }
    },
    async stop() {
      parts.queue.wake()
      await current.session?.close()
    },
  }
}

async function run(parts: LoopParts, current: Current, signal: AbortSignal): Promise<void> {
  const { outage, spool, machine, logger } = parts
  if (spool && spool.writes > 0) logger.info(`writes in the spool that wait for the log: ${spool.writes}`)
  let closing: Promise<void> | undefined
  while (!signal.aborted) {
    current.session = undefined
    try {
      current.session = await connect(parts, closing)
      // The spool may have taken so long that the stop came before this.
      if (current.session && !signal.aborted) await follow(parts, current.session, signal)
    } catch (error) {
      if (isDivergence(error)) return stayDiverged(parts, error, signal)
      if (!isOutage(error)) throw error
      loseLog(parts, error)
    } finally {
      closing = current.session?.close()
    }
  }
  await closing
  if (may(machine.state, 'spooling')) await outage.spoolRest()
  if (spool && spool.writes > 0) logger.info(`writes that stay in the spool until the next start: ${spool.writes}`)
}

/** Opens the next session, after the last one has ended. What is written meanwhile is spooled. */
function connect({ connector, outage, machine }: LoopParts, closing: Promise<void> | undefined) {
  const connecting = Promise.resolve(closing).then(connector.connect)
  return may(machine.state, 'spooling') ? outage.spoolDuring(connecting) : connecting
}

/** Brings view and log to the same end, then goes on with it until the session is lost or the node stops. */
async function follow(parts: LoopParts, session: LogSession, signal: AbortSignal): Promise<void> {
  const { queue, mirror, waits, held, machine, rounds, outage, clock } = parts
  let lost: Error | undefined
  void session.lost.then((error) => {
    lost = error
    queue.wake()
  })
  session.onOthersAppended(rounds.requestTail)
  machine.apply({ kind: 'log opened', description: session.description })
  held.release() // nothing that an earlier session has sent can land any more
  await mirror.requireSamePast(session)
  await (isReplayed(machine.state) ? catchUp(parts, session) : replay(parts, session))
  const writes = await outage.drain(session, (left) => {
    machine.apply({ kind: 'batch drained', left })
    waits.advance(mirror.view.position.sequence)
  })
  machine.apply({ kind: 'drained', writes })
  rounds.requestTail()
  const tailing = clock.every(parts.tailIntervalMs, rounds.requestTail)
  try {
    while (!signal.aborted) {
      if (lost) throw lost
      await (rounds.isDue ? rounds.run(session) : queue.filled())
    }
  } finally {
    tailing.cancel()
  }
}

async function replay(parts: LoopParts, session: LogSession): Promise<void> {
  const { outage, mirror, spool, machine } = parts
  await outage.requireSameLog(session)
  const { keys, entries } = await mirror.replay(session)
  await outage.findOvertaken(session)
  settleDoubt(parts, session)
  machine.apply({ kind: 'replayed', keys, entries, spooled: spool?.writes ?? 0 })
  parts.onReplayed(session.head.logId)
}

async function catchUp(parts: LoopParts, session: LogSession): Promise<void> {
  const { mirror, waits, spool, machine } = parts
  await settleSpooledDoubt(parts, session)
  const replaced = await mirror.catchUp(session, async () => {
    waits.advance(mirror.view.position.sequence)
    await spoolBatch(parts)
  })
  settleDoubt(parts, session, replaced)
  machine.apply({ kind: 'caught up', spooled: spool?.writes ?? 0 })
  waits.advance(mirror.view.position.sequence)
}

/** Tells those who need the log that it is down. The others wait, or are spooled. */
export function loseLog(parts: Pick<LoopParts, 'machine' | 'conditional' | 'waits'>, error: Error): void {
  const { machine, conditional, waits } = parts
  if (machine.state.kind === 'stopped') return
  const reason = error.message
  conditional.abandon(new KvsError('log_down', `the log is down, and nothing was stored: ${reason}`))
  waits.rejectHeadWaits(reason)
  machine.apply({ kind: 'log lost', reason, cause: causeOf(error) })
}

function causeOf(error: Error): LossCause {
  if (!(error instanceof NotAppended)) return 'unreachable'
  return error.logIsDown ? 'takes no writes' : 'rejected'
}

/** What another try can mend; all else is a defect, or what only an operator can mend. */
function isOutage(error: unknown): error is Error {
  const kinds = [Unavailable, Undecided, NotAppended, SpoolStorageError]
  return kinds.some((kind) => error instanceof kind)
}
