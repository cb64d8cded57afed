import fc from 'fast-check'
import { expect, test } from 'vitest'
import type { ForeignEntry, Write } from '../../../kvs/core/entry.ts'
import type { Rank } from '../../../kvs/core/rank.ts'
import { rankEntries } from '../../../kvs/sites/ranking.ts'
import { foreign, put } from './fixtures.ts'

const entry = fc
  .record({
    ...{ origin: fc.constantFrom('a', 'b'), stamp: fc.nat(4), key: fc.constantFrom('x', 'y') },
    ...{ isExpiry: fc.boolean(), superseded: fc.boolean() },
  })
  .map(({ origin, stamp, key, isExpiry, superseded }): ForeignEntry => {
    const write: Write = isExpiry ? { kind: 'delete', key, deadline: 1 } : put(key)
    return foreign(origin, 1, { stamp, superseded, write })
  })
const rank = fc.record({ stamp: fc.nat(4), isExpiry: fc.boolean(), origin: fc.constantFrom('a', 'b', 'c') })

/** A number for each rank, the larger one the newer. */
const weightOf = ({ stamp, isExpiry, origin }: Rank) =>
  stamp * 100 + (isExpiry ? 10 : 0) + ['a', 'b', 'c'].indexOf(origin)

test('an entry is marked where the view, or an entry before it, has a newer one of its key', () => {
  fc.assert(
    fc.property(fc.array(entry, { maxLength: 12 }), fc.option(rank), (entries, ofX) => {
      const newest = new Map(ofX ? [['x', weightOf(ofX)]] : [])
      const expected = entries.map(({ superseded, stamp, origin, write }) => {
        const weight = weightOf({ stamp, origin: origin.logId, isExpiry: write.kind === 'delete' })
        if (superseded || weight < (newest.get(write.key) ?? -1)) return true
        newest.set(write.key, weight)
        return false
      })
      const ranked = rankEntries(entries, (key) => (key === 'x' ? (ofX ?? undefined) : undefined))
      expect(ranked.map(({ superseded }) => superseded)).toEqual(expected)
      expect(ranked.map(({ write }) => write)).toEqual(entries.map(({ write }) => write))
    }),
  )
})
