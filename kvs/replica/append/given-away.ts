import type { SpooledWrite } from '../../core/entry.ts'
import type { Spool } from '../../spool/index.ts'
import type { PassOn } from '../ring-hooks.ts'

/** How a drain treats writes whose keys its log has given away. */
export interface Passing {
  /** Whether the log takes the key, by the entries on the ring that the drain's session has told of. */
  owns(key: string): boolean
  readonly passOn: PassOn
}

/** A spooled write belongs to another member of the ring now, and could not be passed on. Nothing was dropped. */
export class NotPassedOn extends Error {
  override readonly name = 'NotPassedOn'
}

export interface PassedOn {
  /**
   * Passes on those of a batch that are due: the newest of each key that the log does not take, unless it is
   * superseded. Those before it are superseded by it. Rejects with `NotPassedOn`, and the next call goes on from there.
   * @returns the batch with all of these marked as superseded, as they are to be in the log
   */
  from(batch: readonly SpooledWrite[]): Promise<readonly SpooledWrite[]>
  /** The writes have left the spool. */
  forget(writes: readonly SpooledWrite[]): void
}

/** So many are under way at once. */
const mostAtOnce = 8

export function makePassedOn({ owns, passOn }: Passing, spool: Pick<Spool, 'isNewest'>): PassedOn {
  /**
   * Numbers of writes in the spool. What was passed on stays so, even where the log gets its key back before it lands.
   */
  const passed = new Set<bigint>()

  return {
    async from(batch) {
      // As of now: while they are passed on, the node may hear of another ring.
      const gone = new Set(batch.filter(({ number, write }) => passed.has(number) || !owns(write.key)))
      const due = batch.filter((one) => !one.superseded && gone.has(one) && spool.isNewest(one))
      const waiting = due.filter(({ number }) => !passed.has(number)).values()
      const pass = async () => {
        // One iterator for all: each takes the next one.
        for (const spooled of waiting) {
          await passOn(spooled)
          passed.add(spooled.number)
        }
      }
      const ends = await Promise.allSettled(Array.from({ length: mostAtOnce }, pass))
      const failed = ends.find((end) => end.status === 'rejected')
      if (failed !== undefined) {
        const { reason } = failed
        throw new NotPassedOn(reason instanceof Error ? reason.message : String(reason), { cause: reason })
      }
      return batch.map((one) => (gone.has(one) ? { ...one, superseded: true } : one))
    },
    forget(writes) {
      for (const { number } of writes) passed.delete(number)
    },
  }
}
