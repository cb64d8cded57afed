import fc from 'fast-check'
import { expect, test } from 'vitest'
import { earlierIn, formatEarlier } from '../../../kvs/core/earlier-version.ts'
import { partsOfTag, tagOf } from '../../../kvs/core/version.ts'

const logId = fc.stringMatching(/^[0-9A-Za-z._-]{1,64}$/)
const number48 = fc.oneof(fc.nat(2 ** 48 - 1), fc.constantFrom(0, 1, 2 ** 48 - 1))

test('an earlier version, and the parts of its tag, read back as they were written', () => {
  fc.assert(
    fc.property(logId, number48, fc.integer(), number48, (logId, sequence, mark, modifiedAt) => {
      const tag = tagOf(logId, sequence, mark)
      expect(earlierIn(formatEarlier({ tag, modifiedAt }))).toEqual({ tag, modifiedAt })
      expect(partsOfTag(tag)).toEqual({ logId, sequence, mark })
    }),
  )
})

test.each([
  '',
  '@5',
  'cafe-1-00ff00ff',
  'cafe-1-00ff00ff@',
  'cafe-1-00ff00ff@-5',
  'cafe-1-00ff00ff@05',
  'cafe-1-00ff00ff@5 ',
  `cafe-1-00ff00ff@${2 ** 48}`,
  'cafe-1-00ff00ff@5@5',
  'cafe-01-00ff00ff@5',
  `cafe-${2 ** 48}-00ff00ff@5`,
  'cafe-1-00FF00FF@5',
  'cafe-1-00ff00f@5',
  'cafe-x-00ff00ff@5',
  '-1-00ff00ff@5',
  'ca fe-1-00ff00ff@5',
  `${'c'.repeat(65)}-1-00ff00ff@5`,
])('no earlier version is read from “%s”', (text) => {
  expect(earlierIn(text)).toBeUndefined()
})
