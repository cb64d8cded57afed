import { expect, test } from 'vitest'
import { checkAgainstLog } from '../../../../../tools/drill/checker/against-log.ts'
import type { History } from '../../../../../tools/drill/history.ts'
import { failed, get, historyOf, logOf, put, remove, unknown } from './histories.ts'

const a = put(1, 'a', 0, 1)
const b = put(2, 'b', 2, 3)
const superseded = (log: History['log'], ...sequences: number[]) =>
  log.map((entry) => ({ ...entry, superseded: sequences.includes(entry.sequence) }))

const good: Record<string, History> = {
  'nothing at all': historyOf([], []),
  'one thing after the other': historyOf([a, get(1, 'a', 2, 3), remove(1, 4, 5), get(1, null, 6, 7)], logOf('a', null)),
  'puts at once, in either order': historyOf(
    [put(1, 'a', 0, 9), put(2, 'b', 0, 9), get(3, 'a', 10, 11)],
    logOf('b', 'a'),
  ),
  'an unknown put in the log and one that is not': historyOf(
    [put(1, 'a', 0, 1, unknown), put(2, 'b', 0, 1, unknown)],
    logOf('b'),
  ),
  'an unknown put seen much later': historyOf(
    [put(1, 'a', 0, 1, unknown), b, get(3, 'b', 4, 5), get(3, 'a', 900, 901)],
    logOf('b', 'a'),
  ),
  'an unknown delete that takes effect late': historyOf(
    [a, remove(2, 2, 3, unknown), put(1, 'b', 4, 5), get(1, 'b', 6, 7), get(1, null, 8, 9)],
    logOf('a', 'b', null),
  ),
  'a read of nothing beside the delete': historyOf([a, remove(2, 2, 20), get(1, null, 4, 5)], logOf('a', null)),
  'deletes at once around a put': historyOf(
    [put(1, 'a', 0, 9), remove(2, 0, 9), remove(3, 0, 9), get(4, null, 10, 11)],
    logOf(null, 'a', null),
  ),
  'answers that name their entries': historyOf(
    [put(1, 'a', 0, 1, { sequence: 1 }), get(1, 'a', 2, 3, { sequence: 1 }), remove(1, 4, 5, { sequence: 2 })],
    logOf('a', null),
  ),
}

test.each(Object.entries(good))('agrees with the log: %s', (_, history) => {
  expect(checkAgainstLog(history).violations).toEqual([])
})

const bad: Record<string, [History, ...RegExp[]]> = {
  'an acknowledged put that is missing': [historyOf([a, b], logOf('b')), /client 1's put of a .* is not in the log/],
  'an acknowledged delete that is missing': [
    historyOf([a, remove(1, 2, 3)], logOf('a')),
    /the log has 0 of its deletes, but 1 were acknowledged/,
    /client 1's delete .* has no entry of its own after entry 1/,
  ],
  'a delete that nobody sent': [
    historyOf([a], logOf('a', null)),
    /1 of its deletes, but 0 were acknowledged and 0 left/,
  ],
  'a value that nobody sent': [historyOf([a], logOf('a', 'x')), /entry 2 .* has the value x, which no client sent/],
  'an entry twice': [
    historyOf([a, b], logOf('a', 'b', 'b')),
    /the value b is in the log twice, as entry 2 and as entry 3/,
  ],
  'a gap': [
    historyOf(
      [a, b],
      logOf('a', 'b').map((entry) => ({ ...entry, sequence: 2 * entry.sequence - 1 })),
    ),
    /the log has entry 3 after entry 1/,
  ],
  'a log that does not start at 1': [
    historyOf(
      [a],
      logOf('a').map((entry) => ({ ...entry, sequence: 2 })),
    ),
    /entry 2 after nothing/,
  ],
  'a failed write in the log': [
    historyOf([put(1, 'a', 0, 1, failed)], logOf('a')),
    /should not be there: client 1's put/,
  ],
  'a torn entry': [
    historyOf(
      [put(1, 'a', 0, 1, unknown)],
      [{ sequence: 1, kind: 'put', key: 'k', value: undefined, superseded: false }],
    ),
    /entry 1 \(put at k\) is torn/,
  ],
  'a torn read': [
    historyOf([a, get(2, null, 2, 3, { outcome: 'torn', status: 200 })], logOf('a')),
    /no client's value/,
  ],
  'a value at another key': [
    historyOf([put(1, 'a', 0, 1, { key: 'other' })], logOf('a')),
    /entry 1 \(put at k\) has the value of client 1's put of a .* at other/,
    /key other: .* is not in the log/,
  ],
  'two writes swapped': [
    historyOf([a, b], logOf('b', 'a')),
    /client 2's put of b .* is entry 1, although entry 2 was known by then from client 1's put of a/,
  ],
  'a put and the delete after it swapped': [
    historyOf([a, remove(1, 2, 3)], logOf(null, 'a')),
    /no entry of its own after/,
  ],
  'a delete and the put after it swapped': [
    historyOf([a, remove(1, 2, 3), put(1, 'b', 4, 5)], logOf('a', 'b', null)),
    /put of b .* is entry 2, although entry 3 was known by then from client 1's delete/,
  ],
  'two deletes that must come before a put, and only one does': [
    historyOf([a, remove(1, 2, 3), remove(2, 2, 3), put(1, 'b', 4, 5)], logOf('a', null, 'b', null)),
    /put of b .* is entry 3, although entry 4/,
  ],
  'a lost update': [historyOf([a, b, get(3, 'a', 4, 5)], logOf('a', 'b')), /read of a .* is stale: it shows entry 1/],
  'a stale read of nothing': [historyOf([a, get(3, null, 4, 5)], logOf('a')), /no delete that could show has a place/],
  'a read of nothing before any delete began': [
    historyOf([a, get(3, null, 4, 5), remove(1, 6, 7)], logOf('a', null)),
    /read of nothing .* is wrong/,
  ],
  'a resurrected delete': [
    historyOf([a, remove(1, 2, 3), get(3, 'a', 4, 5)], logOf('a', null)),
    /is stale: it shows entry 1, and entry 2 was known before it began/,
  ],
  'an unknown delete that showed, resurrected': [
    historyOf([a, remove(1, 2, 3, unknown), get(3, null, 4, 5), get(3, 'a', 6, 7)], logOf('a', null)),
    /is stale/,
  ],
  'an unknown put that shows, vanishes and shows again': [
    historyOf(
      [a, put(2, 'b', 2, 3, unknown), get(3, 'b', 4, 5), get(3, 'a', 6, 7), get(3, 'b', 8, 9)],
      logOf('a', 'b'),
    ),
    /client 3's read of a .* is stale/,
  ],
  'an unknown put that showed and is not in the log': [
    historyOf([put(1, 'a', 0, 1, unknown), get(3, 'a', 4, 5)], []),
    /read of a .* shows a value that is not in the log/,
  ],
  'a read from the future': [historyOf([get(3, 'a', 0, 1), put(1, 'a', 2, 3)], logOf('a')), /comes from the future/],
  'a read of a failed write': [historyOf([put(1, 'a', 0, 1, failed), get(3, 'a', 4, 5)], []), /shows what failed/],
  'a value read that nobody put': [historyOf([get(3, 'x', 4, 5)], []), /shows a value that nobody put there/],
  'a view that is not the fold': [
    historyOf([a, b], logOf('a', 'b'), [{ k: 'a' }, { k: 'b' }]),
    /view 1 has a, the log says b \(entry 2\)/,
  ],
  'a view that is another one after a restart': [
    historyOf([a, remove(1, 2, 3)], logOf('a', null), [{ k: null }, { k: 'a' }]),
    /view 2 has a, the log says nothing \(entry 2\)/,
  ],
  'a view with a key that is not in the log': [
    historyOf([], [], [{ x: 'a' }]),
    /key x: view 1 has a, the log has no entry/,
  ],
  'a view without a key': [historyOf([a], logOf('a'), [{}]), /view 1 has nothing, the log says a/],
  'a put said to be another entry': [
    historyOf([put(1, 'a', 0, 1, { sequence: 2 }), b], logOf('a', 'b')),
    /put of a .* was said to be entry 2, which is put of b at k/,
  ],
  'a read said to show another entry': [
    historyOf([a, get(3, 'a', 4, 5, { sequence: 7 })], logOf('a')),
    /was said to be entry 7, which is missing/,
  ],
  'two deletes said to be one entry': [
    historyOf([remove(1, 0, 1, { sequence: 1 }), remove(2, 0, 1, { sequence: 1 })], logOf(null, null)),
    /two deletes were said to be entry 1/,
  ],
  'a value put twice': [historyOf([a, { ...a, client: 2 }], logOf('a')), /the value a was put twice/, /not in the log/],
  'a superseded entry of a single node': [
    historyOf([a, b], superseded(logOf('a', 'b'), 1)),
    /entry 1 .* is superseded/,
  ],
}

test.each(Object.entries(bad))('disagrees with the log: %s', (_, [history, ...sentences]) => {
  expect(checkAgainstLog(history).violations).toEqual(sentences.map((sentence) => expect.stringMatching(sentence)))
})

test('counts what was acknowledged, lost, torn and read', () => {
  const operations = [
    a,
    b,
    remove(1, 4, 5),
    put(3, 'c', 4, 5, unknown),
    put(3, 'd', 6, 7, failed),
    get(3, null, 8, 9),
    get(3, null, 10, 11, { outcome: 'torn' }),
    get(3, null, 12, 13, unknown),
  ]
  const counts = { acknowledged: 3, lost: 2, torn: 2, readsChecked: 2 }
  const torn = { sequence: 2, kind: 'put', key: 'k', value: undefined, superseded: false } as const
  expect(checkAgainstLog(historyOf(operations, [...logOf('b'), torn]))).toMatchObject(counts)
})
