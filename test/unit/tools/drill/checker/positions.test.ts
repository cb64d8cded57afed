import { expect, test } from 'vitest'
import { checkHistory } from '../../../../../tools/drill/checker/check.ts'
import type { History } from '../../../../../tools/drill/history.ts'
import { failed, get, historyOf, put, remove } from './histories.ts'
import { a1, at, b2, consistent, entry, logOf, readSpooled, spooled, two } from './nodes-histories.ts'

const good: Record<string, History> = {
  'a read of the past, by a client that passes no position': historyOf(
    [a1, b2, get(3, 'v1', 4, 5, at('a', 1, { sequence: 1 }))],
    two,
  ),
  'a read of the past that is not older than the position passed': historyOf(
    [a1, b2, get(1, 'v1', 4, 5, at('a', 1, { sequence: 1, minPosition: 1 }))],
    two,
  ),
  'a consistent read of what was acknowledged at another node': historyOf(
    [a1, b2, get(1, 'v2', 4, 5, at('a', 2, { sequence: 2, ...consistent }))],
    two,
  ),
  'a node that is asked for its past twice': historyOf(
    [a1, get(3, null, 2, 3, at('b', 0)), get(3, 'v1', 4, 5, at('b', 1, { sequence: 1 }))],
    logOf('1:v1'),
  ),
}

test.each(Object.entries(good))('right: %s', (_, history) => {
  expect(checkHistory(history, { severalNodes: true })).toMatchObject({ lost: 0, violations: [] })
})

const bad: Record<string, [History, RegExp]> = {
  'a read that is not what the log says at its position': [
    historyOf([a1, b2, get(3, 'v1', 4, 5, at('a', 2, { sequence: 1 }))], two),
    /read of v1 .* is at 2, where the log says v2 \(entry 2\), not entry 1/,
  ],
  'a read of nothing where there is a value': [
    historyOf([a1, get(3, null, 4, 5, at('a', 1))], logOf('1:v1')),
    /read of nothing .* is at 1, where the log says v1/,
  ],
  'a value that is not there yet at that position': [
    historyOf([a1, b2, get(3, 'v2', 4, 5, at('a', 1, { sequence: 2 }))], two),
    /is at 1, where the log says v1/,
  ],
  'the right value under another ETag': [
    historyOf([a1, get(3, 'v1', 4, 5, at('a', 1, { sequence: 7 }))], logOf('1:v1')),
    /not entry 7/,
  ],
  'an answer below the position passed': [
    historyOf([a1, b2, get(2, 'v1', 4, 5, at('a', 1, { sequence: 1, minPosition: 2 }))], two),
    /is at 1, although its client had been at 2, and said so/,
  ],
  'a write answered below the position passed': [
    historyOf([a1, b2, put(2, 's', 4, 5, at('a', 1, { ...spooled, minPosition: 2 }))], logOf('1:v1', '2:v2', '!1:s')),
    /is at 1, although its client had been at 2/,
  ],
  'a node that goes back': [
    historyOf(
      [a1, b2, get(3, 'v2', 4, 5, at('a', 2, { sequence: 2 })), get(3, 'v1', 6, 7, at('a', 1, { sequence: 1 }))],
      two,
    ),
    /is at 1, and a had been at 2 before it was asked/,
  ],
  'an answer without a position': [
    historyOf([put(1, 'v1', 0, 1, { node: 'a', sequence: 1 })], logOf('1:v1')),
    /no position/,
  ],
  'a position that the log never had': [
    historyOf([get(1, null, 0, 1, at('a', 5))], []),
    /is at 5, and the log ends at 0/,
  ],
  'a consistent read that lacks what another node had acknowledged': [
    historyOf([a1, b2, get(1, 'v1', 4, 5, at('a', 1, { sequence: 1, ...consistent }))], two),
    /is at 1, and the log was known to be at 2 before it was asked/,
  ],
  'a consistent read of what is only spooled': [
    historyOf(
      [put(1, 's', 0, 1, at('a', 0, spooled)), get(1, 's', 2, 3, at('a', 0, { ...readSpooled, ...consistent }))],
      logOf('1:s'),
    ),
    /is consistent, and shows what is in no log yet/,
  ],
  'a read from the future': [
    historyOf([get(3, 'v1', 0, 1, at('a', 1, { sequence: 1 })), { ...a1, invoked: 2, returned: 3 }], logOf('1:v1')),
    /comes from the future/,
  ],
  'a read of a failed write': [
    historyOf([put(1, 'x', 0, 1, { ...failed, node: 'a' }), get(3, 'x', 2, 3, at('a', 0))], []),
    /shows what failed/,
  ],
  'a write whose answer is before its entry': [
    historyOf([a1, { ...b2, position: 1 }], two),
    /put of v2 .* is entry 2, and its answer is at 1, before it/,
  ],
  'a write whose entry is before what had been acknowledged': [
    historyOf(
      [
        { ...a1, ...entry(2) },
        { ...b2, ...entry(1, 2) },
      ],
      logOf('2:v2', '1:v1'),
    ),
    /put of v2 .* is entry 1, and the log was known to be at 2/,
  ],
  'a committed write that is superseded': [
    historyOf([a1, b2], logOf('1:v1', '!2:v2')),
    /put of v2 .* is entry 2, which is superseded/,
  ],
  'a delete without an entry of its node': [
    historyOf([a1, b2, remove(1, 4, 5, at('a', 3))], logOf('1:v1', '2:v2', '2:-')),
    /delete .* has no entry after 2, .*, up to 3/,
  ],
  'two nodes with one identity': [
    historyOf([a1, b2], logOf('1:v1', '1:v2')),
    /entry 2 of b has the writer 1, as entries of a/,
  ],
  'a node with two identities': [
    historyOf([a1, put(1, 'v2', 2, 3, at('a', 2, entry(2)))], two),
    /entry 2 of a has the writer 2; it was 1/,
  ],
  'a view of one of the nodes that is not the fold': [
    historyOf([a1, b2], two, [{ k: 'v2' }, { k: 'v1' }]),
    /view 2 has v1, the log says v2/,
  ],
}

test.each(Object.entries(bad))('wrong: %s', (_, [history, sentence]) => {
  expect(checkHistory(history, { severalNodes: true }).violations).toContainEqual(expect.stringMatching(sentence))
})
