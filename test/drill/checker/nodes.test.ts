import { expect, test } from 'vitest'
import type { History, LogEntry, Operation } from '../history.ts'
import { checkHistory } from './check.ts'
import { failed, get, historyOf, put, remove, unknown } from './histories.ts'

/** Node a is writer 1 of the log, b is writer 2. Times in milliseconds; positions are the last argument but one. */
type Extra = Partial<Operation>
const at = (node: string, position: number, extra: Extra = {}): Extra => ({ node, position, ...extra })
const entry = (sequence: number, position = sequence): Extra => ({ sequence, position })
const spooled = { status: 202, isSpooled: true } as const
const readSpooled = { isSpooled: true } as const
const consistent = { isConsistent: true } as const
const refused = { outcome: 'failed', status: 412 } as const

/** Entries of key k as `writer:value`, with `-` for deletes and a `!` in front where superseded. */
function logOf(...texts: string[]): LogEntry[] {
  return texts.map((text, index) => {
    const [, superseded, writer, value = ''] = /^(!?)(\d):(.+)$/.exec(text) ?? []
    return {
      sequence: index + 1,
      kind: value === '-' ? 'delete' : 'put',
      key: 'k',
      value: value === '-' ? undefined : value,
      superseded: superseded === '!',
      writer: Number(writer),
    }
  })
}

const a1 = put(1, 'v1', 0, 1, at('a', 1, entry(1)))
const b2 = put(2, 'v2', 2, 3, at('b', 2, entry(2)))
const two = logOf('1:v1', '2:v2')

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
