import { expect, test } from 'vitest'
import { judgeSites, type SitesHistory } from '../../../../../tools/drill/sites/sites-verdict.ts'
import {
  at,
  followedBy,
  from,
  logOf,
  op,
  rightHistory,
  violationsOf,
  withEntry,
  withLog,
  withOperation,
} from './site-histories.ts'

test('a right history has no violation, and is counted', () => {
  const { violations, acknowledged, lost, readsChecked, tally } = judgeSites(rightHistory())
  expect({ violations, acknowledged, lost, readsChecked }).toEqual({
    ...{ violations: [], acknowledged: 4, lost: 0, readsChecked: 4 },
  })
  expect(tally).toContain('4 reads are known to be of one state of their log')
  expect(tally).toContain('the sites wrote 3, 1 entries')
})

/** An answer that does not tell what its node had, as where its position is the token's. */
const inexact = { given: at(9, 9, 99) }

const wrong: readonly (readonly [what: string, history: () => SitesHistory, sentence: RegExp])[] = [
  [
    'a session does not read its own write',
    () => withLogOfLaterX(op(1, 1, 'get', { value: '1-0', ...inexact })),
    /shows x = 1-0 .*older than x = 1-2 .*, which its session had seen/,
  ],
  [
    'a session reads what it has written as absent',
    () => followedBy(op(1, 1, 'get', { value: null, ...inexact })),
    /does not show x = 1-0 .*, which its session had seen/,
  ],
  [
    'a session goes back in time',
    () => withLogOfLaterX(op(3, 0, 'get', { value: '1-2', ...inexact }), op(3, 1, 'get', { value: '1-0', ...inexact })),
    /client 3's get .*shows x = 1-0 .*older than x = 1-2/,
  ],
  [
    'an effect is shown without its cause',
    () => withOperation(4, { value: null, status: 404, sequence: undefined as never, ...inexact }),
    /client 3's get of x .*does not show x = 1-0/,
  ],
  [
    'a client that was given a token does not see what its giver had seen',
    () => followedBy(op(4, 1, 'get', { heard: 3, value: null, ...inexact })),
    /client 4's get of x .*does not show x = 1-0/,
  ],
  [
    'a write has no later stamp than what its session had read',
    () => withStampOfY(10),
    /client 2's put of y = 2-0 .*no later stamp than what its session had seen/,
  ],
  [
    'a read is not what its node had',
    () => withOperation(1, { value: null, status: 404 }),
    /client 2's get of x .*shows nothing, where the log has x = 1-0/,
  ],
  [
    'a read shows what its log has not at its position',
    () => withOperation(4, { value: '2-0' }),
    /client 3's get of x .*shows a value that no client has put there/,
  ],
  [
    'an acknowledged put is in no log',
    () => followedBy(op(1, 0, 'put', { value: '1-9', sequence: 9, given: at(9, 2, 90) })),
    /put of x = 1-9 .*was said to be entry 9, which is nothing/,
  ],
  [
    'an acknowledged delete is in no log',
    () => followedBy(op(1, 0, 'delete', { token: at(4, 2, 40), given: at(5, 2, 50) })),
    /delete of x .*was acknowledged and is not in its log between 4 and 5/,
  ],
  [
    'a write that was acknowledged as stored has no effect',
    () => withEntry(0, 1, { superseded: true }),
    /put of x = 1-0 .*was acknowledged as stored, and has no effect/,
  ],
  [
    'a refused write is there',
    () => withOperation(0, { outcome: 'failed', status: 503, error: 'not_stored' }),
    /put of x = 1-0 .*was refused, and is in the log/,
  ],
  [
    'a site lacks an entry',
    () => withLog(1, entriesOfB().slice(0, 3)),
    /the delete of z .*is not in the log of site 2/,
  ],
  [
    'an effect lands before its cause',
    () => {
      const [x, ...rest] = entriesOfB()
      return withLog(
        1,
        [...rest, x].flatMap((entry) => entry ?? []),
      )
    },
    /z = 1-1 .*lands at site 2 before x = 1-0|entries of site 1 out of their order/,
  ],
  [
    'a deleted key comes back',
    () => {
      const [x, y, put, remove] = entriesOfB()
      return withLog(
        1,
        [x, y, remove, put].flatMap((entry) => entry ?? []),
      )
    },
    /z = 1-1 .*undoes the delete of z/,
  ],
  [
    'an entry is there twice',
    () => withLog(1, [...entriesOfB(), { key: 'x', id: '1-0', stamp: 10, origin: from(0, 1), superseded: true }]),
    /x = 1-0 .*is in the log of site 2 twice/,
  ],
  [
    'an entry differs from what its own log has',
    () => withEntry(1, 1, { stamp: 11 }),
    /entry 1 of site 2 differs from x = 1-0/,
  ],
  [
    'a node shows something else in the end',
    () => ({ ...rightHistory(), views: [{ node: 'b', values: new Map([['z', '1-1']]) }] }),
    /b shows 1-1 at z in the end, and the newest is the delete of z/,
  ],
  [
    'the service has an error of its own',
    () => followedBy(op(1, 0, 'get', { outcome: 'failed', status: 500, error: 'internal' })),
    /was answered 500 internal/,
  ],
  [
    'an error is none that is documented',
    () => followedBy(op(1, 0, 'get', { outcome: 'failed', status: 503, error: 'tired' })),
    /was answered 503 tired/,
  ],
]

test.each(wrong)('it is found that %s', (_, history, sentence) => {
  expect(violationsOf(history())).toContainEqual(expect.stringMatching(sentence))
})

test.each([
  ['before it had the record of that', at(3, 2, 40), '1-1', true],
  ['though it had the record of that', at(4, 2, 40), '1-1', false],
  ['and says nothing of what it had', undefined, '1-1', false],
  ['before it had the record of that, and shows another one', at(3, 2, 40), '1-0', false],
])('in the end a node shows the value that has ended by itself, %s', (_, position, value, isRight) => {
  const deadline = 1_000
  const history = rightHistory()
  const logs = history.logs.map((log) => ({
    ...log,
    entries: log.entries.map((entry) => (entry.key === 'z' ? { ...entry, deadline, stamp: 30 } : entry)),
  }))
  const positions = new Map(position === undefined ? [] : [['z', position]])
  const views = [{ node: 'b', values: new Map([['z', value]]), positions }]
  const found = violationsOf({ ...history, logs, views }).filter((sentence) => sentence.includes('in the end'))
  expect(found.length === 0, found.join()).toBe(isRight)
})

test('torn bytes are counted, and a violation', () => {
  const { torn, violations } = judgeSites(withOperation(1, { outcome: 'torn' }))
  expect(torn).toBe(1)
  expect(violations).toContainEqual(expect.stringMatching(/shows torn bytes/))
})

test('lost writes are counted', () => {
  const put = op(1, 0, 'put', { value: '1-9', sequence: 9, given: at(9, 2, 90) })
  const remove = op(1, 0, 'delete', { token: at(4, 2, 40), given: at(5, 2, 50) })
  expect(judgeSites(followedBy(put, remove)).lost).toBe(2)
})

test('what is allowed is no violation: behind, a write that was overtaken in a spool, a client that passes nothing on', () => {
  const behind = op(1, 1, 'get', { outcome: 'failed', status: 503, error: 'behind' })
  const refused = op(1, 1, 'put', { value: '1-7', outcome: 'failed', status: 412, condition: 'absent' })
  const careless = op(5, 1, 'get', { token: undefined as never, value: null, given: at(0, 0, 0) })
  const unheard = op(4, 1, 'get', { value: null, given: at(0, 0, 0) })
  expect(violationsOf(followedBy(behind, refused, careless, unheard))).toEqual([])
})

function entriesOfB() {
  return [
    { key: 'x', id: '1-0', stamp: 10, origin: from(0, 1) },
    { key: 'y', id: '2-0', stamp: 20 },
    { key: 'z', id: '1-1', stamp: 30, origin: from(0, 3) },
    { key: 'z', stamp: 40, origin: from(0, 4) },
  ]
}

/** Client 1 overwrites x at the first site before these. */
function withLogOfLaterX(...more: Parameters<typeof followedBy>): SitesHistory {
  const put = op(1, 0, 'put', { value: '1-2', sequence: 5, token: at(4, 2, 40), given: at(5, 2, 50) })
  const [first, second] = rightHistory().logs
  const later = { key: 'x', id: '1-2', stamp: 50 }
  const added = [logOf(0, [later]).entries, logOf(1, [{ ...later, origin: from(0, 5) }]).entries]
  const logs = [first, second].map((log, site) => ({
    ...log,
    entries: [
      ...log.entries,
      ...(added[site] ?? []).map((entry) => ({ ...entry, sequence: 5n, digest: Buffer.of(9) })),
    ],
  }))
  return { ...followedBy(put, ...more), logs, views: [] }
}

/** Both logs have y with this stamp. */
function withStampOfY(stamp: number): SitesHistory {
  const { logs, ...rest } = rightHistory()
  const changed = logs.map((log) => ({
    ...log,
    entries: log.entries.map((entry) => (entry.key === 'y' ? { ...entry, stamp } : entry)),
  }))
  return { ...rest, logs: changed }
}
