import type { SeenValue } from '../../core/entry.ts'
import { KvsError } from '../../core/errors.ts'
import type { Clock } from '../../lib/clock.ts'
import { type LogSession, NotAppended, Unappendable, Undecided } from '../../log/index.ts'
import type { Spool } from '../../spool/index.ts'
import type { Mirror } from '../mirror.ts'
import type { StateMachine } from '../state/state-machine.ts'
import type { HeldBatch } from './held-batch.ts'
import { positionOf } from './spool-drain.ts'
import type { SpoolRefusals } from './spool-refusals.ts'
import type { WriteNumbers } from './write-numbers.ts'
import type { WriteQueue } from './write-queue.ts'

/**
 * The parts on the way of a batch of plain writes. The functions of this file follow it in this order:
 *
 * 1. `appendBatch`: the queue's next writes become a batch, get their numbers, and are sent to the log. They are
 *    acknowledged once they are committed and the view shows them.
 * 2. `settleFailure`: else the log refuses the batch, or takes no writes, or its answer is lost and the batch is in
 *    doubt.
 * 3. `spoolBatch`: while the log is down, one batch after the other goes to the spool, the one in doubt first and under
 *    the numbers that it was sent with.
 * 4. `settleDoubt`: the next session knows the last number of this node that the log has, which tells whether the batch
 *    in doubt has landed.
 * 5. `outage.ts` brings the spool to the log, before anything new is appended.
 */
export interface BatchParts {
  readonly queue: WriteQueue
  readonly numbers: WriteNumbers
  readonly mirror: Mirror
  readonly machine: StateMachine
  /** Undefined where the node has no disk to keep one on. */
  readonly spool: Spool | undefined
  /** Whether writes are spooled; else they wait in the queue. What an earlier run has spooled is drained either way. */
  readonly spools: boolean
  readonly held: HeldBatch
  readonly refusals: SpoolRefusals
  readonly clock: Clock
}

/**
 * Appends the next batch. Rejects where the log is down; the batch stays in the queue then, to wait or to be spooled.
 * @returns the log's end, which the view has reached; undefined where the log refused the batch for what is in it
 */
export async function appendBatch(parts: BatchParts, session: LogSession): Promise<bigint | undefined> {
  const { queue, numbers, mirror, machine } = parts
  const writes = queue.take()
  const last = numbers.assign(writes.length)
  try {
    const appended = await mirror.append(session, writes, last)
    queue.committed(appended)
    machine.apply({ kind: 'landed' })
    return appended.end.sequence
  } catch (error) {
    settleFailure(queue, last, error)
    passRejection(machine, error)
    return undefined
  }
}

function settleFailure(queue: WriteQueue, last: bigint, error: unknown): void {
  if (error instanceof Unappendable) queue.putBack()
  else if (error instanceof NotAppended && error.logIsDown) queue.putBack()
  else if (error instanceof NotAppended) queue.refused(new KvsError('not_stored', undefined, { cause: error }))
  else queue.leaveInDoubt({ last, mayLandUntil: error instanceof Undecided ? error.mayLandUntil : undefined })
}

/** Goes on only where the log refuses what was written, since others may land. Throws all else. */
export function passRejection(machine: StateMachine, error: unknown): void {
  if (!(error instanceof NotAppended) || error.logIsDown) throw error
  machine.apply({ kind: 'rejected', reason: error.message })
}

/**
 * Spools one batch of what waits in the queue. One in doubt keeps its numbers, and is taken past the spool's bound: a
 * refusal would promise that it is not stored. It is held as long as its statement may still land.
 */
export async function spoolBatch(parts: BatchParts): Promise<void> {
  const { queue, numbers, mirror, spool, spools, held, refusals, clock } = parts
  if (!spool || !spools || queue.length === 0) return
  const writes = queue.take()
  const { doubt } = queue
  const last = doubt?.last ?? numbers.assign(writes.length)
  const until = doubt?.mayLandUntil ?? -Infinity
  const isHeld = until > clock.now()
  if (isHeld) held.hide(writes)
  try {
    const first = last - BigInt(writes.length) + 1n
    await spool.add(first, writes, positionOf(mirror), doubt === undefined, (key) => seenIn(mirror, key))
    refusals.noteTaken()
    if (doubt) numbers.spooledInDoubt = last
    if (isHeld) {
      held.hold(queue.detach(), until)
    } else {
      held.overwrite(writes) // before this, the spool may have had an older write of the key, which is held
      queue.spooled()
    }
  } catch (error) {
    if (isHeld) held.release()
    if (!(error instanceof KvsError)) throw error
    refusals.noteRefused(error, writes.length)
    queue.failed(doubt ? new KvsError('undecided') : error)
  }
}

/** What the view has of a key, whether or not it has lapsed. */
function seenIn({ view }: Pick<Mirror, 'view'>, key: string): SeenValue {
  const { tag = '', deadline } = view.versionOf(key) ?? {}
  return { tag, deadline }
}

/**
 * Tells the spool what has landed of it, before entries are read; and whether the batch that it took in doubt has: what
 * comes before that in the log does not supersede it then. What lands from the spool is another matter: the log itself
 * marks it as superseded by any entry that the node had not seen. Rejects with a `SpoolStorageError`.
 */
export async function settleSpooledDoubt({ numbers, spool }: BatchParts, { committed }: LogSession): Promise<void> {
  const { number: last, end } = committed
  spool?.noteCommitted({ number: last, sequence: end.sequence })
  const number = numbers.spooledInDoubt
  if (number === undefined) return
  if (last >= number) await spool?.noteLanded({ number, sequence: end.sequence })
  numbers.spooledInDoubt = undefined
}

/**
 * Settles the batch in doubt, now that the view has all that the session's log had of this node.
 * @param replaced for each of this node's entries that came into the view on the way, in order, whether it took the
 * place of a value
 */
export function settleDoubt(parts: BatchParts, session: LogSession, replaced: readonly boolean[] = []): void {
  const { queue, numbers, spool } = parts
  const { committed, head } = session
  if (queue.doubt) {
    const { number, end } = committed
    // Where catching up has just applied the batch's entries, they are the last own ones.
    const ofBatch = replaced.slice(-queue.take().length)
    if (number >= queue.doubt.last) queue.committed({ logId: head.logId, end, replaced: ofBatch })
    else queue.putBack()
  }
  spool?.hide(committed.number)
  numbers.startAfter(committed.number)
}
