import type { AppliedReader } from '../core/applied-reader.ts'
import type { Entry } from '../core/entry.ts'
import { weight } from '../core/operation/operation.ts'

/** Hands what the view applies to those who follow it. */
export interface AppliedEntries {
  /** The view has applied an entry. */
  note(entry: Entry): void
  /**
   * Returns a reader that holds entries from now on until they are taken, within bounds, or until it is closed.
   * @param after the view's sequence
   */
  follow(after: bigint): AppliedReader
}

/** What a reader holds at most. Beyond that it begins anew: who takes so little reads the log. */
export interface HeldBounds {
  readonly entries: number
  readonly bytes: number
}

const usualBounds: HeldBounds = { entries: 10_000, bytes: 4 * 1024 * 1024 }

interface Reader {
  note(entry: Entry): void
}

export function makeAppliedEntries(most = usualBounds): AppliedEntries {
  const readers = new Set<Reader>()
  return {
    note(entry) {
      for (const reader of readers) reader.note(entry)
    },
    follow(start) {
      let held: Entry[] = []
      let bytes = 0
      /** Sequence after which everything that was applied is held. */
      let from = start
      const drop = (through: bigint) => {
        held = []
        bytes = 0
        from = through
      }
      const reader: Reader & AppliedReader = {
        note(entry) {
          bytes += weight(entry.write)
          if (bytes > most.bytes || held.length === most.entries) drop(entry.sequence)
          else held.push(entry)
        },
        take(after, through) {
          const last = held.at(-1)?.sequence ?? from
          if (after < from || last !== through) return undefined
          const entries = held
          drop(last)
          const [first] = entries
          return first && first.sequence <= after ? entries.filter(({ sequence }) => sequence > after) : entries
        },
        close() {
          readers.delete(reader)
          drop(from)
        },
      }
      readers.add(reader)
      return reader
    },
  }
}
