import { expect, test } from 'vitest'
import { checkHistory } from '../../../../../tools/drill/checker/check.ts'
import type { History } from '../../../../../tools/drill/history.ts'
import { get, historyOf, put, remove, unknown } from './histories.ts'
import { a1, at, b2, consistent, entry, logOf, refused, spooled, two } from './nodes-histories.ts'

const good: Record<string, History> = {
  'a condition that holds at its place, though not when it was asked': historyOf(
    [
      a1,
      put(2, 'v2', 2, 9, at('b', 2, { ...entry(2), condition: 1 })),
      put(1, 'v3', 3, 12, at('a', 3, { ...entry(3), condition: 2 })),
    ],
    logOf('1:v1', '2:v2', '1:v3'),
  ),
  'a refusal in a state that there was': historyOf(
    [
      a1,
      put(1, 'v3', 2, 9, at('a', 2, { ...refused, condition: 1, sequence: 2 })),
      put(2, 'v2', 3, 8, at('b', 2, entry(2))),
    ],
    two,
  ),
  'refusals for a value, and for none': historyOf(
    [
      put(1, 'x', 0, 1, at('a', 0, { ...refused, condition: 'present' })),
      a1,
      put(2, 'y', 2, 3, at('b', 1, { ...refused, condition: 'absent', sequence: 1 })),
      remove(2, 4, 5, at('b', 1, { ...refused, condition: 7, sequence: 1 })),
    ].map((one, index) => ({ ...one, invoked: 10 * index, returned: 10 * index + 5 })),
    logOf('1:v1'),
  ),
  'an undecided write that landed where its condition held, and one that did not land': historyOf(
    [
      a1,
      put(2, 'v2', 2, 3, { ...unknown, node: 'b', condition: 1 }),
      put(2, 'v3', 4, 5, { ...unknown, node: 'b', condition: 1 }),
      get(1, 'v2', 6, 7, at('a', 2, { sequence: 2, ...consistent })),
    ],
    two,
  ),
  'a delete under a condition': historyOf(
    [a1, remove(2, 2, 3, at('b', 2, { condition: 1 })), get(1, null, 4, 5, at('b', 2, consistent))],
    logOf('1:v1', '2:-'),
  ),
}

test.each(Object.entries(good))('right: %s', (_, history) => {
  expect(checkHistory(history, { severalNodes: true })).toMatchObject({ lost: 0, violations: [] })
})

const bad: Record<string, [History, RegExp]> = {
  'a condition that did not hold at its place: a lost update': [
    historyOf([a1, b2, put(1, 'v3', 4, 5, at('a', 3, { ...entry(3), condition: 1 }))], logOf('1:v1', '2:v2', '1:v3')),
    /put of v3 .* landed as entry 3 under If-Match: "1", and the key had entry 2 then/,
  ],
  'a key created twice': [
    historyOf([a1, put(2, 'v2', 0, 3, at('b', 2, { ...entry(2), condition: 'absent' }))], two),
    /landed as entry 2 under If-None-Match: \*, and the key had entry 1 then/,
  ],
  'an undecided write that landed although its condition did not hold': [
    historyOf([a1, put(2, 'v2', 2, 3, { ...unknown, node: 'b', condition: 'absent' })], two),
    /landed as entry 2 under If-None-Match: \*/,
  ],
  'a value replaced that was not there': [
    historyOf([put(2, 'v1', 2, 3, at('b', 1, { ...entry(1), condition: 'present' }))], logOf('2:v1')),
    /under If-Match: \*, and the key had no value then/,
  ],
  'a conditional write that was spooled': [
    historyOf([a1, put(1, 's', 2, 3, at('a', 1, { ...spooled, condition: 1 }))], logOf('1:v1', '1:s')),
    /has a condition, and was spooled/,
  ],
  'a delete under a condition that did not hold': [
    historyOf([a1, b2, remove(1, 4, 5, at('a', 3, { condition: 1 }))], logOf('1:v1', '2:v2', '1:-')),
    /landed under If-Match: "1", and no delete up to 3/,
  ],
  'a refusal that nothing explains: the condition held all the time': [
    historyOf([a1, put(1, 'x', 2, 3, at('a', 1, { ...refused, condition: 1, sequence: 1 }))], logOf('1:v1')),
    /was refused under If-Match: "1" with entry 1, which is no state between 1 and 1 that refuses it/,
  ],
  'a refusal for a past that was over when it was asked for': [
    historyOf(
      [
        a1,
        remove(2, 2, 3, at('b', 2)),
        put(1, 'x', 4, 5, at('a', 2, { ...refused, condition: 'absent', sequence: 1 })),
      ],
      logOf('1:v1', '2:-'),
    ),
    /was refused under If-None-Match: \* with entry 1, which is no state between 2 and 2/,
  ],
  'a refusal for what came after its answer': [
    historyOf(
      [
        a1,
        put(1, 'x', 2, 3, at('a', 1, { ...refused, condition: 1, sequence: 2 })),
        { ...b2, invoked: 4, returned: 5 },
      ],
      two,
    ),
    /with entry 2, which is no state between 1 and 1/,
  ],
  'a refused write that shows': [
    historyOf([a1, put(2, 'v2', 2, 3, at('b', 1, { ...refused, condition: 7, sequence: 1 }))], two),
    /should not be there: client 2's put of v2/,
  ],
}

test.each(Object.entries(bad))('wrong: %s', (_, [history, sentence]) => {
  expect(checkHistory(history, { severalNodes: true }).violations).toContainEqual(expect.stringMatching(sentence))
})
