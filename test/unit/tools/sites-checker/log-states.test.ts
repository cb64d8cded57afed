import fc from 'fast-check'
import { expect, test } from 'vitest'
import type { Position } from '../../../../kvs/core/position.ts'
import type { LoggedEntry } from '../../../../tools/sites-checker/facts.ts'
import { makeLogStates } from '../../../../tools/sites-checker/log-states.ts'

const own = 'aaaa'
const others = ['bbbb', 'cccc'] as const

/** A log with entries of its own and of others, each of which it has from the first on, with gaps. */
const log = fc
  .array(
    fc.record({
      from: fc.constantFrom(own, ...others),
      step: fc.integer({ min: 1, max: 3 }),
      key: fc.constantFrom('x', 'y'),
      superseded: fc.boolean(),
      eventType: fc.constantFrom(1, 2),
      stamp: fc.nat(6),
    }),
    { maxLength: 12 },
  )
  .map((drawn) => {
    const reached = new Map<string, number>()
    return drawn.map(({ from, step, key, superseded, eventType, stamp }, index): LoggedEntry => {
      const last = (reached.get(from) ?? 0) + step
      reached.set(from, last)
      return {
        ...{ sequence: BigInt(index + 1), eventType, key, value: undefined, deadline: undefined, superseded },
        ...{ digest: Buffer.alloc(0), stamp, after: undefined },
        origin: from === own ? undefined : { logId: from, sequence: BigInt(last) },
      }
    })
  })

const position = fc
  .record({ [own]: fc.nat(14), bbbb: fc.nat(14), cccc: fc.nat(14) })
  .map((all): Position => ({ sequences: new Map(Object.entries(all).map(([id, at]) => [id, BigInt(at)])), stamp: 0 }))

/** What a node has at a position, entry by entry. */
function hadAt(entries: readonly LoggedEntry[], { sequences }: Position): readonly LoggedEntry[] {
  const beyond = entries.findIndex(
    ({ origin, sequence }) => (origin?.sequence ?? sequence) > (sequences.get(origin?.logId ?? own) ?? 0n),
  )
  return beyond < 0 ? entries : entries.slice(0, beyond)
}

/** What a node shows of a key. A delete after a newer one changes nothing. */
function lastOf(entries: readonly LoggedEntry[], key: string): LoggedEntry | undefined {
  return entries
    .filter((entry) => entry.key === key && !entry.superseded)
    .reduce<LoggedEntry | undefined>((before, entry) => {
      const areDeletes = before?.eventType === 1 && entry.eventType === 1
      const [from, to] = [before, entry].map((one) => one?.origin?.logId ?? own) as [string, string]
      const isOlder = areDeletes && (before.stamp > entry.stamp || (before.stamp === entry.stamp && from > to))
      return isOlder ? before : entry
    }, undefined)
}

test('the last entry of a key at a position is that of all that a node has there', () => {
  fc.assert(
    fc.property(log, position, fc.constantFrom('x', 'y', 'z'), (entries, seen, key) => {
      expect(makeLogStates(own, entries).lastAsOf(key, seen)).toBe(lastOf(hadAt(entries, seen), key))
    }),
    { numRuns: 2_000 },
  )
})

test('a log was at the position of each of its entries, and not at one that is ahead of it in one log', () => {
  fc.assert(
    fc.property(log, fc.nat(), (entries, pick) => {
      if (entries.length === 0) return
      const had = entries.slice(0, (pick % entries.length) + 1)
      const sequences = new Map<string, bigint>()
      for (const { origin, sequence } of had) sequences.set(origin?.logId ?? own, origin?.sequence ?? sequence)
      const states = makeLogStates(own, entries)
      expect(states.wasAt({ sequences, stamp: 0 })).toBe(true)
      const next = entries[had.length]
      const ahead = new Map(sequences).set('bbbb', (next?.origin?.sequence ?? 1_000n) + 1_000n)
      expect(states.wasAt({ sequences: ahead, stamp: 0 })).toBe(false)
    }),
    { numRuns: 1_000 },
  )
})
