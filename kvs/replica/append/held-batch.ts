import type { KvsError } from '../../core/errors.ts'
import type { Write } from '../../core/operation/operation.ts'
import type { Clock, Timer } from '../../lib/clock.ts'
import type { Unanswered } from './write-queue.ts'

/**
 * A batch that is in the spool, and that may land in the log all the same, by the statement whose answer was lost. Were
 * it acknowledged or shown at once, others could see it and commit something newer, which the late statement would then
 * overwrite. So it is held: neither acknowledged nor shown, until that statement can't land any more.
 */
export interface HeldBatch {
  /** Whether readers must not see what the spool has of this key, since it is the held batch's. */
  hides(key: string): boolean
  /** These writes are about to come into the spool, and are not to be shown. */
  hide(writes: readonly Write[]): void
  /**
   * Has the batch that is hidden wait for its acknowledgement.
   * @param until monotonic moment, in milliseconds, from which on its statement can't land
   */
  hold(unanswered: Unanswered, until: number): void
  /** Newer writes of these keys are in the spool now, and are shown. */
  overwrite(writes: readonly Write[]): void
  /** Acknowledges and shows the batch, where there is one: its statement can't land any more. */
  release(): void
  /** Rejects the batch's clients, where there is a batch. */
  abandon(error: KvsError): void
}

/** @param onChange called for each key for which `hides` has changed its answer, in the same step */
export function makeHeldBatch(clock: Clock, onChange: (key: string) => void = () => undefined): HeldBatch {
  const keys = new Set<string>()
  let held: { readonly unanswered: Unanswered; readonly timer: Timer } | undefined

  function end(answer: (unanswered: Unanswered) => void): void {
    const shown = [...keys]
    keys.clear()
    for (const key of shown) onChange(key)
    if (!held) return
    const { unanswered, timer } = held
    held = undefined
    timer.cancel()
    answer(unanswered)
  }

  const release = () => end((unanswered) => unanswered.spooled())

  return {
    hides: (key) => keys.size > 0 && keys.has(key),
    hide(writes) {
      for (const { key } of writes) {
        keys.add(key)
        onChange(key)
      }
    },
    hold(unanswered, until) {
      const left = Math.ceil(until - clock.now()) + 1 // a timer may fire up to a millisecond early
      held = { unanswered, timer: clock.after(Math.max(0, left), release) }
    },
    overwrite(writes) {
      if (keys.size > 0) for (const { key } of writes) if (keys.delete(key)) onChange(key)
    },
    release,
    abandon: (error) => end((unanswered) => unanswered.failed(error)),
  }
}
