import fc from 'fast-check'
import { expect, test } from 'vitest'
import { checkLinearizable } from '../../../../../tools/drill/checker/linearizable.ts'
import type { RegisterOperation } from '../../../../../tools/drill/checker/register.ts'
import { isLinearizable } from './brute-force.ts'
import { failed, get, put, remove, unknown } from './histories.ts'

const explanations = (operations: RegisterOperation[]) =>
  checkLinearizable(operations).map((key) => (key.verdict === 'ok' ? 'ok' : key.explanation))

const good: Record<string, RegisterOperation[]> = {
  'nothing at all': [],
  'one client, one thing after the other': [
    get(1, null, 0, 1),
    put(1, 'a', 2, 3),
    get(1, 'a', 4, 5),
    remove(1, 6, 7),
    get(1, null, 8, 9),
  ],
  'a read beside a put may see it or not, in this order': [put(1, 'a', 0, 10), get(2, null, 1, 2), get(2, 'a', 3, 4)],
  'what ends when another begins may have overlapped it': [put(1, 'a', 0, 5), get(2, null, 5, 6)],
  'puts all at once, seen in an order of their own': [
    put(1, 'a', 0, 10),
    put(2, 'b', 0, 10),
    put(3, 'c', 0, 10),
    get(4, 'c', 1, 2),
    get(4, 'a', 3, 4),
    get(4, 'b', 5, 6),
  ],
  'an unknown put seen much later': [
    put(1, 'a', 0, 1, unknown),
    put(2, 'b', 2, 3),
    get(2, 'b', 4, 5),
    get(2, 'a', 900, 901),
  ],
  'an unknown put never seen': [put(1, 'a', 0, 1, unknown), get(1, null, 2, 3)],
  'an unknown delete that takes effect late': [
    put(1, 'a', 0, 1),
    remove(2, 2, 3, unknown),
    get(1, 'a', 4, 5),
    put(1, 'b', 6, 7),
    get(1, 'b', 8, 9),
    get(1, null, 10, 11),
  ],
  'two unknown deletes and three reads of nothing': [
    remove(1, 0, 1, unknown),
    remove(2, 0, 1, unknown),
    get(3, null, 2, 3),
    put(3, 'a', 4, 5),
    get(3, null, 6, 7),
    put(3, 'b', 8, 9),
    get(3, null, 10, 11),
  ],
  'a delete kept for later while another one is used up': [
    put(1, 'a', 0, 1),
    remove(1, 2, 20),
    remove(2, 2, 5),
    get(3, null, 6, 7),
    put(3, 'b', 8, 9),
    get(3, 'b', 10, 11),
    get(3, null, 12, 13),
  ],
  'a failed put that nobody saw, and reads without an answer': [
    put(1, 'a', 0, 1, failed),
    get(2, 'b', 2, 3, unknown),
    get(2, 'b', 4, 5, failed),
    get(2, null, 6, 7),
  ],
}

test.each(Object.entries(good))('linearizable: %s', (_, operations) => {
  expect(explanations(operations).filter((text) => text !== 'ok')).toEqual([])
})

const over = (value: string | null, operation: RegisterOperation): RegisterOperation => ({
  ...operation,
  replaces: value,
})

const goodReplacing: Record<string, RegisterOperation[]> = {
  'each replaces what the one before has put, whoever asked first': [
    put(1, 'a', 0, 1),
    over('b', put(3, 'c', 2, 20)),
    over('a', put(2, 'b', 3, 19)),
    get(4, 'c', 21, 22),
  ],
  'a value is read before it is replaced': [
    put(1, 'a', 0, 1),
    get(3, 'a', 2, 9),
    over('a', put(2, 'b', 2, 9)),
    get(4, 'a', 2, 9),
  ],
  'a put that nobody reads waits for the one that needs nothing there': [
    put(1, 'a', 0, 10),
    over(null, put(2, 'b', 0, 10)),
  ],
  'created anew after each delete': [
    over(null, put(1, 'a', 0, 1)),
    over('a', remove(1, 2, 3)),
    over(null, put(2, 'b', 4, 5)),
    remove(1, 6, 7),
    over(null, put(2, 'c', 8, 9)),
  ],
  'an unknown delete makes room': [put(1, 'a', 0, 1), remove(1, 2, 3, unknown), over(null, put(2, 'b', 4, 5))],
  'an unknown put is replaced': [put(1, 'a', 0, 1, unknown), over('a', put(2, 'b', 4, 5))],
}

test.each(Object.entries(goodReplacing))('linearizable: %s', (_, operations) => {
  expect(isLinearizable(operations)).toBe(true)
  expect(explanations(operations)).toEqual(['ok'])
})

const badReplacing: Record<string, RegisterOperation[]> = {
  'one value replaced twice: a lost update': [
    put(1, 'a', 0, 1),
    over('a', put(2, 'b', 2, 9)),
    over('a', put(3, 'c', 2, 9)),
  ],
  'a key created twice': [over(null, put(1, 'a', 0, 9)), over(null, put(2, 'b', 0, 9))],
  'a value replaced after it was covered': [put(1, 'a', 0, 1), put(2, 'b', 2, 3), over('a', put(3, 'c', 4, 5))],
  'a value read after it was replaced': [put(1, 'a', 0, 1), over('a', put(2, 'b', 2, 3)), get(3, 'a', 4, 5)],
  'a value replaced before it was put': [over('a', put(2, 'b', 0, 1)), put(1, 'a', 2, 3)],
  'a failed put replaced': [put(1, 'a', 0, 1, failed), over('a', put(2, 'b', 2, 3))],
  'a value deleted twice': [put(1, 'a', 0, 1), over('a', remove(1, 2, 9)), over('a', remove(2, 2, 9))],
}

test.each(Object.entries(badReplacing))('not linearizable: %s', (_, operations) => {
  expect(isLinearizable(operations)).toBe(false)
  expect(explanations(operations)).not.toEqual(['ok'])
})

const bad: Record<string, [RegisterOperation[], RegExp]> = {
  'a lost update': [
    [put(1, 'a', 0, 1), put(2, 'b', 2, 3), get(3, 'a', 4, 5)],
    /no order has a place for\n.*client 2's put of b.*\n.*a is still to be seen by:\n.*client 3's read of a/,
  ],
  'a stale read after another client saw the newer value': [
    [put(1, 'a', 0, 1), put(2, 'b', 2, 20), get(3, 'b', 4, 5), get(4, 'a', 6, 7)],
    /holds a after 1 of 4[\s\S]*client 3's read of b/,
  ],
  'a resurrected delete': [
    [put(1, 'a', 0, 1), remove(1, 2, 3), get(2, 'a', 4, 5)],
    /client 1's delete \(0.002 to 0.003 s/,
  ],
  'a read from the future': [[get(2, 'a', 0, 1), put(1, 'a', 2, 3)], /comes from the future: client 1's put of a/],
  'a read of a failed write': [
    [put(1, 'a', 0, 1, failed), get(2, 'a', 2, 3)],
    /shows what failed: client 1's put of a/,
  ],
  'a value that nobody put': [[get(2, 'x', 2, 3)], /client 2's read of x .* shows a value that nobody put there/],
  'an unknown put that shows, vanishes and shows again': [
    [put(1, 'a', 0, 1), put(2, 'b', 2, 3, unknown), get(3, 'b', 4, 5), get(3, 'a', 6, 7), get(3, 'b', 8, 9)],
    /is not linearizable/,
  ],
  'an acknowledged put that does not show': [[put(1, 'a', 0, 1), get(2, null, 2, 3)], /holds a after 1 of 2/],
  'a failed delete that shows': [[put(1, 'a', 0, 1), remove(1, 2, 3, failed), get(1, null, 4, 5)], /read of nothing/],
  'one unknown delete that shows twice': [
    [put(1, 'a', 0, 1), remove(2, 2, 3, unknown), get(1, null, 4, 5), put(1, 'b', 6, 7), get(1, null, 8, 9)],
    /client 1's read of nothing \(0.008/,
  ],
  'a value put twice': [[put(1, 'a', 0, 1), put(2, 'a', 2, 3)], /the value a was put twice/],
}

test.each(Object.entries(bad))('not linearizable: %s', (_, [operations, sentence]) => {
  expect(explanations(operations)).toEqual([expect.stringMatching(sentence)])
  if (!sentence.source.includes('twice')) expect(isLinearizable(operations)).toBe(false)
})

test('each key has its own verdict', () => {
  const other = { key: 'other' }
  const operations = [put(1, 'a', 0, 1), get(2, null, 2, 3, other), put(2, 'b', 4, 5, other), get(1, null, 6, 7, other)]
  expect(checkLinearizable(operations)).toMatchObject([
    { key: 'k', verdict: 'ok' },
    { key: 'other', verdict: 'violation', explanation: expect.stringContaining('key other is not linearizable') },
  ])
})

test('an explanation stays short, however many operations were under way', () => {
  const crowd = Array.from({ length: 30 }, (_, client) => put(client, `v${client}`, 0, 50))
  const seen = Array.from({ length: 30 }, (_, client) => get(client, `v${client}`, 60, 90))
  const [explanation = ''] = explanations([
    ...crowd,
    get(30, 'w', 1, 2),
    put(31, 'w', 0, 1),
    put(32, 'z', 3, 4),
    ...seen,
  ])
  expect(explanation.split('\n').length).toBeLessThan(20)
})

const small = fc
  .array(
    fc.record({
      client: fc.nat(3),
      kind: fc.constantFrom('put' as const, 'delete' as const, 'get' as const, 'get' as const),
      invoked: fc.nat(12),
      duration: fc.nat(8),
      outcome: fc.constantFrom('ok', 'ok', 'ok', 'ok', 'unknown', 'failed'),
      seen: fc.option(fc.nat(6), { freq: 3 }),
      replaces: fc.option(fc.boolean(), { freq: 2 }),
    }),
    { maxLength: 7 },
  )
  .map((drafts) =>
    drafts.map(({ kind, duration, seen, replaces, ...rest }, index): RegisterOperation => {
      const puts = drafts.flatMap((draft, at) => (draft.kind === 'put' ? `v${at}` : []))
      const read = seen === null ? null : (puts[seen % puts.length] ?? null)
      const value = kind === 'put' ? { value: `v${index}` } : kind === 'get' ? { value: read } : {}
      const found = kind !== 'get' && rest.outcome === 'ok' && replaces ? { replaces: read } : {}
      return {
        ...rest,
        ...value,
        ...found,
        kind,
        key: 'k',
        returned: rest.invoked + duration,
        status: 0,
      } as RegisterOperation
    }),
  )

test('agrees with every order tried by brute force', () => {
  let accepted = 0
  const runs = 10_000
  fc.assert(
    fc.property(small, (operations) => {
      const expected = isLinearizable(operations)
      if (expected) accepted++
      expect(checkLinearizable(operations).every(({ verdict }) => verdict === 'ok')).toBe(expected)
    }),
    { numRuns: runs },
  )
  expect(accepted).toBeGreaterThan(runs / 10)
  expect(accepted).toBeLessThan((9 * runs) / 10)
})
