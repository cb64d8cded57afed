import type { LogPoint } from '../core/entry.ts'
import { KvsError } from '../core/errors.ts'
import { unlessAborted } from '../lib/abort.ts'
import { Diverged, wentBackAdvice } from '../log/index.ts'
import type { Spool } from '../spool/index.ts'
import { OutOfOrder } from '../view/index.ts'
import type { WriteQueue } from './append/write-queue.ts'
import type { ConditionalQueue } from './decisions/conditional-queue.ts'
import type { PositionWaits } from './position-waits.ts'
import type { StateMachine } from './state/state-machine.ts'

/** Whether the error says that the log is no continuation of what this node holds. */
export function isDivergence(error: unknown): error is Error {
  return error instanceof Diverged || error instanceof OutOfOrder
}

/** @param at LOGID=SEQUENCE of the node */
export function anotherLog(at: string, logId: string): Diverged {
  return new Diverged(`this node is at ${at}, and the log is another one now, ${logId}. ${wentBackAdvice}`)
}

/**
 * @param at LOGID=SEQUENCE of the node
 * @param end the log's last sequence
 */
export function wentBack(at: string, end: bigint): Diverged {
  return new Diverged(
    `the log went back: this node is at ${at}, and the log, now at ${end}, has not that entry. ${wentBackAdvice}`,
  )
}

/**
 * Whether the log's end is where the view is, with the same digest. It is not where somebody took entries out of the
 * log.
 */
export function isContinued(view: LogPoint, end: LogPoint, gapsUpTo: bigint): boolean {
  if (end.sequence !== view.sequence) return false
  return view.sequence <= gapsUpTo || end.digest.equals(view.digest)
}

/** @throws Diverged where what is in the spool was accepted for another log than this one */
export function requireSameLog({ writes, position }: Spool, logId: string, advice: string): void {
  if (writes === 0 || !position || position.logId === logId) return
  throw new Diverged(
    `the spool holds writes (${writes}) for the log ${position.logId}, and this is the log ${logId}: ${advice}`,
  )
}

export interface DivergenceParts {
  readonly machine: StateMachine
  readonly queue: WriteQueue
  readonly conditional: ConditionalQueue
  readonly waits: PositionWaits
}

/**
 * Keeps what the node holds, for reading and for the operator, until the signal aborts. Nothing is written any more.
 */
export async function stayDiverged(parts: DivergenceParts, { message }: Error, signal: AbortSignal): Promise<void> {
  parts.machine.apply({ kind: 'diverged', reason: message })
  const refusal = new KvsError('not_stored', `the log diverged; nothing was stored: ${message}`)
  parts.queue.abandon(refusal)
  parts.conditional.abandon(refusal)
  parts.waits.rejectHeadWaits('the log diverged')
  await unlessAborted(new Promise<never>(() => undefined), signal)
}
