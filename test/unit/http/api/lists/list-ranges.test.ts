import fc from 'fast-check'
import { expect, test } from 'vitest'
import { rangesOf } from '../../../../../kvs/http/api/lists/list-ranges.ts'

const text = fc
  .array(fc.constantFrom('a', 'b', '/', '//', '.', '\u007f', 'é', '\uffff', '🔑', '\u{10ffff}'), { maxLength: 4 })
  .map((parts) => parts.join(''))
const prefixed = fc.tuple(fc.constantFrom('', 'a', 'a/', 'é', '🔑'), text).map((parts) => parts.join(''))

/** Those of sorted prefixes that begin with no other one. */
const outermost = (prefixes: string[]) =>
  [...new Set(prefixes)].filter((one) => !prefixes.some((other) => other !== one && one.startsWith(other)))

function isWithin(key: string, ranges: ReturnType<typeof rangesOf>): boolean {
  const bytes = Buffer.from(key)
  return ranges.some(({ from, to }) => Buffer.compare(from, bytes) <= 0 && (!to || Buffer.compare(bytes, to) < 0))
}

const isAfter = (one: string, other: string) => Buffer.compare(Buffer.from(one), Buffer.from(other)) > 0

/** The name that a key is shown under. */
function nameOf(key: string, prefix: string, delimiter: string | undefined): string {
  const at = delimiter === undefined ? -1 : key.indexOf(delimiter, prefix.length)
  return at < 0 ? key : key.slice(0, at + (delimiter?.length ?? 0))
}

test('the ranges have the keys that are reached and whose names come after the key of the query, and no other', () => {
  fc.assert(
    fc.property(
      fc.constantFrom('', 'a', 'a/', 'é'),
      fc.array(text, { minLength: 1, maxLength: 3 }),
      fc.option(prefixed, { nil: undefined }),
      fc.constantFrom(undefined, '/', '//', '🔑'),
      prefixed,
      (prefix, rest, after, delimiter, key) => {
        const reached = outermost(rest.map((one) => prefix + one))
        const ranges = rangesOf({ prefix, reached }, { after, delimiter })
        const isReached = reached.some((one) => key.startsWith(one))
        const isShown = isReached && (after === undefined || isAfter(nameOf(key, prefix, delimiter), after))
        expect(isWithin(key, ranges)).toBe(isShown)
      },
    ),
    { numRuns: 5_000 },
  )
})

test('they are sorted and disjoint, and none of them is empty', () => {
  fc.assert(
    fc.property(fc.array(text, { minLength: 1, maxLength: 5 }), fc.option(text, { nil: undefined }), (rest, after) => {
      const ranges = rangesOf({ prefix: '', reached: outermost(rest) }, { after, delimiter: undefined })
      let end: Buffer | undefined = Buffer.alloc(0)
      for (const { from, to } of ranges) {
        expect(end !== undefined && Buffer.compare(end, from) <= 0).toBe(true)
        expect(to === undefined || Buffer.compare(from, to) < 0).toBe(true)
        end = to
      }
    }),
  )
})
