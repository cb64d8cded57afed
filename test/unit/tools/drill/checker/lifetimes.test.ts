import { expect, test } from 'vitest'
import { checkHistory } from '../../../../../tools/drill/checker/check.ts'
import type { History, LogEntry, Operation } from '../../../../../tools/drill/history.ts'
import { get, logOf, put, remove } from './histories.ts'
import { logOf as logOfNodes } from './nodes-histories.ts'

/** The server's clock is this far ahead of the clients'. */
const ahead = 1_000_000
const serverClock = [{ from: Number.NEGATIVE_INFINITY, ahead }]

/** A put whose key ends at a time of the clients' clock. */
const ending = (value: string, from: number, to: number, end: number, extra: Partial<Operation> = {}) =>
  put(1, value, from, to, { ttl: end - from, ...extra })

/** Entries with times of the clients' clock: when they were recorded, and the deadlines. */
function timed(log: readonly LogEntry[], ...times: (readonly [recorded: number, deadline?: number])[]): LogEntry[] {
  return log.map((entry, index) => {
    const [recorded = 0, deadline] = times[index] ?? []
    return { ...entry, recordedAt: ahead + recorded, ...(deadline !== undefined && { deadline: ahead + deadline }) }
  })
}

const a = ending('a', 0, 10, 100)
const lapsing = timed(logOf('a'), [5, 100])
const expired = timed(logOf('a', null), [5, 100], [200, 100])
const history = (
  operations: Operation[],
  log: LogEntry[],
  shown: string | null = null,
  rest: Partial<History> = {},
) => ({
  ...{ operations, log, views: [{ k: shown }], faults: [], serverClock },
  ...rest,
})

test.each<[name: string, history: History]>([
  ['a key that is shown, and then has ended', history([a, get(2, 'a', 20, 99), get(2, null, 95, 110)], lapsing)],
  ['one whose end is in the log', history([a, get(2, null, 110, 120), get(2, null, 300, 310)], expired)],
  [
    'one that is read back before its end, which the log has by now',
    history([ending('a', 0, 10, 1_000)], timed(logOf('a', null), [5, 1_000], [1_100, 1_000]), 'a'),
  ],
  ['one that is asked for right at its end', history([a, get(2, 'a', 90, 110), get(2, null, 100, 100)], lapsing)],
  [
    'one that is put anew after its end',
    history(
      [a, get(2, null, 110, 120), put(3, 'b', 130, 140), get(2, 'b', 150, 160)],
      timed(logOf('a', 'b'), [5, 100], [135]),
      'b',
    ),
  ],
  [
    'one that is renewed before its end',
    history([a, ending('b', 50, 60, 500), get(2, 'b', 110, 120)], timed(logOf('a', 'b'), [5, 100], [55, 500]), 'b'),
  ],
  [
    'a lifetime without the server’s clock',
    history([a, get(2, null, 20, 30)], lapsing, 'a', { serverClock: undefined as never }),
  ],
  [
    'a clock that was set ahead',
    history([a, get(2, null, 20, 30)], timed(logOf('a'), [5, 1_100]), null, {
      operations: [{ ...a, ttl: 1_100 }, get(2, null, 20, 30)],
      serverClock: [...serverClock, { from: 15, ahead: ahead + 5_000 }],
    }),
  ],
])('%s is as promised', (_, given) => expect(checkHistory(given).violations).toEqual([]))

test.each<[name: string, history: History, sentence: RegExp]>([
  ['a key that has ended too early', history([a, get(2, null, 20, 99)], lapsing), /no delete that could show/],
  [
    'one that is shown again after its end was seen',
    history([a, get(2, null, 105, 110), get(2, 'a', 120, 130)], lapsing),
    /is stale: it shows entry 1/,
  ],
  ['one that is there at the end of all', history([a, get(2, 'a', 20, 200)], lapsing, 'a'), /has what ended before: a/],
  [
    'an expiry of what has no deadline',
    history([a, put(2, 'b', 20, 30)], timed(logOf('a', 'b', null), [5, 100], [25], [200, 100])),
    /entry 3 is an expiry that takes away entry 2 \(put\), which does not end then/,
  ],
  ['an expiry of nothing', history([], timed(logOf(null), [200, 100])), /is an expiry that takes away nothing/],
  [
    'an expiry before its time',
    history([a], timed(logOf('a', null), [5, 100], [99, 100])),
    /recorded before its deadline/,
  ],
  [
    'an expiry that is superseded',
    history(
      [a],
      expired.map((entry) => ({ ...entry, superseded: entry.kind === 'delete' })),
    ),
    /is an expiry, and superseded/,
  ],
  ['a lifetime that was forgotten', history([a], timed(logOf('a'), [5]), 'a'), /lacks the deadline/],
  [
    'one that nobody asked for',
    history([put(1, 'a', 0, 10)], lapsing),
    /has a deadline that its client has not asked for/,
  ],
  ['one that is too long', history([a], timed(logOf('a'), [5, 106])), /has a deadline later than 100 ms after/],
  [
    'a delete that is lost beside an expiry',
    history([a, remove(2, 110, 120)], expired),
    /the log has 0 of its deletes, but 1 were acknowledged/,
  ],
])('%s is found', (_, given, sentence) => {
  expect(checkHistory(given).violations).toContainEqual(expect.stringMatching(sentence))
})

const at = (node: string, position: number, extra: Partial<Operation> = {}) => ({ node, position, ...extra })
const consistent = { isConsistent: true } as const
const aOfNode = ending('a', 0, 10, 100, at('a', 1, { sequence: 1 }))
const lapsingOfNodes = timed(logOfNodes('1:a'), [5, 100])
const inSpool = ending('b', 20, 30, 100, at('a', 1, { status: 202, isSpooled: true }))
const drained = timed(logOfNodes('1:a', '1:b'), [5], [300, 100])
const aOnly = put(1, 'a', 0, 10, at('a', 1, { sequence: 1 }))
const conditional = (from: number, to: number, extra: Partial<Operation>) =>
  put(3, 'c', from, to, at('b', 2, { sequence: 2, condition: 'absent', ...extra }))

test.each<[name: string, history: History]>([
  [
    'a node that shows the key a little longer than another',
    history(
      [aOfNode, get(2, null, 100, 110, at('a', 1)), get(3, 'a', 105, 115, at('b', 1, { sequence: 1 }))],
      lapsingOfNodes,
    ),
  ],
  ['a consistent read at its end', history([aOfNode, get(2, null, 95, 105, at('b', 1, consistent))], lapsingOfNodes)],
  [
    'a spooled put that has ended, with an older value in the log',
    history([aOnly, inSpool, get(2, null, 110, 120, at('a', 1))], drained),
  ],
  [
    'a key that is created where it has ended',
    history([aOfNode, conditional(90, 110, {})], timed(logOfNodes('1:a', '2:c'), [5, 100], [105]), 'c'),
  ],
  [
    'a condition that is refused where it has ended',
    history(
      [
        aOfNode,
        conditional(90, 110, {
          condition: 'present',
          sequence: undefined as never,
          position: 1,
          outcome: 'failed',
          status: 412,
        }),
      ],
      lapsingOfNodes,
    ),
  ],
  [
    'a spooled renewal that is not overtaken by the expiry',
    history(
      [aOfNode, put(1, 'b', 50, 60, at('a', 1, { status: 202, isSpooled: true }))],
      timed(logOfNodes('1:a', '2:-', '1:b'), [5, 100], [200, 100], [300]),
      'b',
    ),
  ],
])('of several nodes, %s is as promised', (_, given) => {
  expect(checkHistory(given, { severalNodes: true }).violations).toEqual([])
})

test.each<[name: string, history: History, sentence: RegExp]>([
  [
    'a consistent read of what had ended',
    history([aOfNode, get(2, 'a', 105, 115, at('b', 1, { ...consistent, sequence: 1 }))], lapsingOfNodes),
    /is consistent, and shows what had ended before it was asked/,
  ],
  [
    'a read of nothing before the end',
    history([aOfNode, get(2, null, 50, 99, at('b', 1))], lapsingOfNodes),
    /is at 1, where the log says a \(entry 1\)/,
  ],
  [
    'a key that is created before it has ended',
    history([aOfNode, conditional(50, 99, {})], timed(logOfNodes('1:a', '2:c'), [5, 100], [90]), 'c'),
    /landed as entry 2 under If-None-Match: \*/,
  ],
  [
    'a spooled renewal that is superseded by the expiry',
    history(
      [aOfNode, put(1, 'b', 50, 60, at('a', 1, { status: 202, isSpooled: true }))],
      timed(logOfNodes('1:a', '2:-', '!1:b'), [5, 100], [200, 100], [300]),
    ),
    /superseded, and no other node wrote to the key/,
  ],
  [
    'a spooled put that is gone before its end',
    history([aOnly, inSpool, get(2, null, 40, 99, at('a', 1))], drained),
    /where the log says a|without what a had spooled/,
  ],
])('of several nodes, %s is found', (_, given, sentence) => {
  expect(checkHistory(given, { severalNodes: true }).violations).toContainEqual(expect.stringMatching(sentence))
})
