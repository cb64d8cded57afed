import { expect, test } from 'vitest'
import { checkHistory } from '../../../../../tools/drill/checker/check.ts'
import type { History } from '../../../../../tools/drill/history.ts'
import { get, historyOf, put, remove, unknown } from './histories.ts'
import { a1, at, b2, entry, logOf, readSpooled, spooled } from './nodes-histories.ts'

const good: Record<string, History> = {
  'what was spooled behind a partition, superseded or not': historyOf(
    [
      a1,
      put(1, 's1', 2, 3, at('a', 1, spooled)),
      get(1, 's1', 4, 5, at('a', 1, readSpooled)),
      b2,
      get(1, 's1', 6, 7, at('a', 1, readSpooled)),
      get(1, 'v2', 8, 9, at('a', 2, { sequence: 2 })),
      put(1, 's2', 10, 11, at('a', 2, spooled)),
      get(2, 's2', 30, 31, at('b', 4, { sequence: 4 })),
    ],
    logOf('1:v1', '2:v2', '!1:s1', '1:s2'),
  ),
  'a read of nothing while a delete is in the spool': historyOf(
    [a1, remove(1, 2, 3, at('a', 1, spooled)), get(1, null, 4, 5, at('a', 1))],
    logOf('1:v1', '1:-'),
  ),
  'a batch whose connection broke when it had landed': historyOf(
    [a1, put(1, 's1', 2, 8, at('a', 1, spooled)), put(2, 'v2', 3, 7, at('b', 2, entry(2)))],
    logOf('1:v1', '2:v2', '1:s1'),
  ),
}

test.each(Object.entries(good))('right: %s', (_, history) => {
  expect(checkHistory(history, { severalNodes: true })).toMatchObject({ lost: 0, violations: [] })
})

const bad: Record<string, [History, RegExp]> = {
  'a spooled write that overwrites what another node has committed meanwhile': [
    historyOf(
      [a1, put(1, 's', 2, 3, at('a', 1, spooled)), { ...b2, invoked: 4, returned: 5 }],
      logOf('1:v1', '2:v2', '1:s'),
    ),
    /put of s .* was spooled at 1, and as entry 3 overwrites entry 2: client 2's put of v2/,
  ],
  'a write superseded by nothing': [
    historyOf([a1, put(1, 's', 2, 3, at('a', 1, spooled))], logOf('1:v1', '!1:s')),
    /put of s .* is entry 2, superseded, and no other node wrote to the key after 1/,
  ],
  'a write superseded by what its node had seen': [
    historyOf(
      [a1, b2, get(1, 'v2', 4, 5, at('a', 2, { sequence: 2 })), put(1, 's', 6, 7, at('a', 2, spooled))],
      logOf('1:v1', '2:v2', '!1:s'),
    ),
    /is entry 3, superseded, and no other node wrote to the key after 2/,
  ],
  'a spooled write that its node does not show': [
    historyOf(
      [a1, put(1, 's', 2, 3, at('a', 1, spooled)), get(3, 'v1', 4, 5, at('a', 1, { sequence: 1 }))],
      logOf('1:v1', '1:s'),
    ),
    /read of v1 .* is at 1, without what a had spooled before and has in the log at 2/,
  ],
  'a spooled write that another node shows as its own': [
    historyOf(
      [a1, put(1, 's', 2, 3, at('a', 1, spooled)), get(3, 's', 4, 5, at('b', 1, readSpooled))],
      logOf('1:v1', '1:s'),
    ),
    /shows what a was to spool/,
  ],
  'a spooled value that never reached the log': [
    historyOf([put(1, 's', 0, 1, { ...unknown, node: 'a' }), get(3, 's', 2, 3, at('a', 0, readSpooled))], []),
    /shows a value that is not in the log/,
  ],
  'a spooled value shown after it was superseded': [
    historyOf(
      [
        a1,
        put(1, 's', 2, 3, at('a', 1, spooled)),
        { ...b2, invoked: 4, returned: 5 },
        get(1, 's', 6, 7, at('a', 2, readSpooled)),
      ],
      logOf('1:v1', '2:v2', '!1:s'),
    ),
    /shows what entry 2 has superseded, at 2/,
  ],
  'a spooled value shown after a newer one of the log': [
    historyOf(
      [
        put(1, 's', 0, 1, at('a', 0, spooled)),
        put(2, 'v2', 6, 7, at('b', 2, entry(2))),
        get(1, 's', 8, 9, at('a', 2, readSpooled)),
      ],
      logOf('1:s', '2:v2'),
    ),
    /shows entry 1 as spooled, at 2, where the log has a newer one/,
  ],
  'writes of one node in the wrong order': [
    historyOf(
      [put(1, 's1', 0, 1, at('a', 0, spooled)), put(2, 's2', 2, 3, at('a', 0, spooled))],
      logOf('1:s2', '1:s1'),
    ),
    /put of s2 .* is entry 1, and entry 2 had been written at a before it was asked/,
  ],
  'a spooled write that is lost': [
    historyOf([put(1, 's', 0, 1, at('a', 0, spooled))], []),
    /was acknowledged and is not in the log/,
  ],
}

test.each(Object.entries(bad))('wrong: %s', (_, [history, sentence]) => {
  expect(checkHistory(history, { severalNodes: true }).violations).toContainEqual(expect.stringMatching(sentence))
})
