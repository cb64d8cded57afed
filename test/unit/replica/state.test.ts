import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { catalogue } from '../../../kvs/core/errors.ts'
import { healthOf, readyStateOf } from '../../../kvs/replica/state/health.ts'
import { linesOf } from '../../../kvs/replica/state/log-lines.ts'
import {
  initialState,
  isLogUp,
  isReplayed,
  type Moment,
  type NodeEvent,
  type NodeState,
  whyLogIsDown,
} from '../../../kvs/replica/state/node-state.ts'
import { may, type Permissions, permissions, refusalOf } from '../../../kvs/replica/state/permissions.ts'
import { makeRepetitionFilter } from '../../../kvs/replica/state/repetition-filter.ts'
import { next } from '../../../kvs/replica/state/transitions.ts'

type StateKind = NodeState['kind']
type EventKind = NodeEvent['kind']

const start: Moment = { now: 1_000, wall: 1_700_000_000_000 }
const at: Moment = { now: 3_500, wall: 1_700_000_002_500 }

/** One of each kind. A new kind without one does not compile, here and in the table below. */
const events: { readonly [Kind in EventKind]: Extract<NodeEvent, { kind: Kind }> } = {
  'log opened': { kind: 'log opened', description: 'kvs at postgres:5432' },
  replayed: { kind: 'replayed', keys: 2, entries: 7, spooled: 3 },
  'caught up': { kind: 'caught up', spooled: 3 },
  'batch drained': { kind: 'batch drained', left: 1 },
  drained: { kind: 'drained', writes: 3 },
  landed: { kind: 'landed' },
  'log grew': { kind: 'log grew' },
  rejected: { kind: 'rejected', reason: 'a constraint' },
  'in step': { kind: 'in step', asOf: 3_400 },
  'log lost': { kind: 'log lost', reason: 'connection refused', cause: 'unreachable' },
  diverged: { kind: 'diverged', reason: 'the log went back' },
  'stop announced': { kind: 'stop announced' },
  stopped: { kind: 'stopped' },
  failed: { kind: 'failed', reason: 'a newer schema' },
}

/** As each of these states is met, after the events that lead to it, with a log that was never down before. */
const ways: { readonly [Kind in StateKind]: readonly NodeEvent[] } = {
  connecting: [],
  replaying: [events['log opened']],
  'draining spool': [events['log opened'], events.replayed],
  following: [events['log opened'], events.replayed, events.drained],
  down: [events['log opened'], events.replayed, events.drained, events['log lost']],
  'catching up': [...[events['log opened'], events.replayed, events.drained, events['log lost']], events['log opened']],
  diverged: [events['log opened'], events.replayed, events.drained, events.diverged],
  stopped: [events['log opened'], events.replayed, events.drained, events.stopped],
}

const run = (way: readonly NodeEvent[], from = initialState(start)) =>
  way.reduce((state, event) => next(state, event, start), from)

const stateKinds = Object.keys(ways) as StateKind[]
const eventKinds = Object.keys(events) as EventKind[]
const states = Object.fromEntries(stateKinds.map((kind) => [kind, run(ways[kind])])) as Record<StateKind, NodeState>

/** The kind of the state after the event; `same` where nothing at all changes. */
type Outcomes = { readonly [Kind in EventKind]: StateKind | 'same' }

/** What leads to the end from everywhere, and what belongs to one state only. */
const elsewhere = {
  'log opened': 'same',
  replayed: 'same',
  'caught up': 'same',
  'batch drained': 'same',
  drained: 'same',
  landed: 'same',
  'log grew': 'same',
  rejected: 'same',
  'in step': 'same',
  diverged: 'diverged',
  stopped: 'stopped',
  failed: 'stopped',
} as const

const table: { readonly [Kind in StateKind]: Outcomes } = {
  connecting: {
    ...elsewhere,
    'log opened': 'replaying',
    'log lost': 'connecting',
    'stop announced': 'connecting',
  },
  replaying: {
    ...elsewhere,
    replayed: 'draining spool',
    'log lost': 'connecting',
    'stop announced': 'replaying',
  },
  'catching up': {
    ...elsewhere,
    'caught up': 'draining spool',
    'log lost': 'down',
    'stop announced': 'catching up',
  },
  'draining spool': {
    ...elsewhere,
    'batch drained': 'draining spool',
    drained: 'following',
    'log lost': 'down',
    'stop announced': 'draining spool',
  },
  following: {
    ...elsewhere,
    rejected: 'following',
    'in step': 'following',
    'log lost': 'down',
    'stop announced': 'following',
  },
  down: {
    ...elsewhere,
    'log opened': 'catching up',
    'log lost': 'down',
    'stop announced': 'down',
  },
  diverged: {
    ...elsewhere,
    diverged: 'same',
    'log lost': 'same',
    'stop announced': 'diverged',
  },
  stopped: {
    ...elsewhere,
    diverged: 'same',
    stopped: 'same',
    failed: 'same',
    'log lost': 'same',
    'stop announced': 'same',
  },
}

describe.each(stateKinds)('from %s', (kind) => {
  test.each(eventKinds)('by %s', (eventKind) => {
    const state = states[kind]
    expect(state.kind).toBe(kind)
    const after = next(state, events[eventKind], at)
    expect(after === state ? 'same' : after.kind).toBe(table[kind][eventKind])
    expect(run(ways[kind])).toEqual(state) // a transition changes no state but makes one
  })
})

const unavailable = (reason: string): NodeEvent => ({ kind: 'log lost', reason, cause: 'unreachable' })
const takesNone: NodeEvent = { kind: 'log lost', reason: 'the disk is full', cause: 'takes no writes' }
const reopened: NodeEvent = { kind: 'log opened', description: 'kvs at postgres:5432' }
const nothingSpooled: NodeEvent = { kind: 'caught up', spooled: 0 }
const nothingDrained: NodeEvent = { kind: 'drained', writes: 0 }
const full: NodeEvent = { kind: 'caught up', spooled: 3 }

/** Up to a log that can be reached again, and that has not taken a write since it took none. */
const afterFullDisk = run([...ways.following, takesNone, reopened, nothingSpooled, nothingDrained])

test.each<[string, NodeState, string, string | null]>([
  ['at the start', states.connecting, 'starting', 'connecting to the log'],
  ['after a try', run([unavailable('no route')]), 'starting', 'no route'],
  ['lost in the replay', run([reopened, unavailable('cut off')]), 'starting', 'cut off'],
  ['in the replay', states.replaying, 'replaying', 'replaying the log'],
  [
    'with a spool from an earlier run',
    states['draining spool'],
    'log down',
    'the log is back; 3 spooled writes are on their way to it',
  ],
  [
    'with a part of it in the log',
    run([events['batch drained']], states['draining spool']),
    'log down',
    'the log is back; 1 spooled writes are on their way to it',
  ],
  ['in step', states.following, 'serving', null],
  ['with a batch refused', run([events.rejected], states.following), 'serving', 'the log refuses writes: a constraint'],
  ['with the next one taken', run([events.rejected, events.landed], states.following), 'serving', null],
  ['without the log', states.down, 'log down', 'connection refused'],
  ['still without it', run([unavailable('no route')], states.down), 'log down', 'no route'],
  ['catching up', states['catching up'], 'log down', 'the log is back; reading what others have written meanwhile'],
  ['with a full disk', run([...ways.following, takesNone]), 'log down', 'the disk is full'],
  ['with that reached again', run([...ways.following, takesNone, reopened]), 'log down', 'the disk is full'],
  ['with its spool on the way', run([...ways.following, takesNone, reopened, full]), 'log down', 'the disk is full'],
  ['with nothing to try it with', afterFullDisk, 'log down', 'the disk is full'],
  [
    'with a batch of the spool landed',
    run([...ways.following, takesNone, reopened, full, events['batch drained']]),
    'log down',
    'the log is back; 1 spooled writes are on their way to it',
  ],
  ['with a write landed', run([events.landed], afterFullDisk), 'serving', null],
  ['with another’s write landed', run([events['log grew']], afterFullDisk), 'serving', null],
  [
    'with another’s write landed before its spool',
    run([...ways.following, takesNone, reopened, full, events['log grew']]),
    'log down',
    'the log is back; 3 spooled writes are on their way to it',
  ],
  [
    'with a batch refused beside what others write',
    run([events.rejected, events['log grew']], afterFullDisk),
    'serving',
    'the log refuses writes: a constraint',
  ],
  ['diverged', states.diverged, 'log diverged', 'the log went back'],
])('health %s', (_, state, expected, reason) => {
  expect(healthOf(state as Exclude<NodeState, { kind: 'stopped' }>)).toEqual({ state: expected, reason })
})

test('what /readyz says is since when the state is that, not since when the reason is', () => {
  const lost = next(states.following, events['log lost'], at)
  const later = { now: 9_000, wall: at.wall + 5_500 }
  const since = (state: NodeState) => Date.parse(readyStateOf(state, later, 1e6).since)
  expect(since(lost)).toBe(at.wall)
  expect(since(next(lost, unavailable('no route'), later))).toBe(at.wall)
  expect(since(next(lost, reopened, later))).toBe(at.wall)
})

test('a node that has not read the log for too long is behind, since the bound was passed', () => {
  const serving = next(states.following, { kind: 'in step', asOf: 1_000 }, at)
  expect(readyStateOf(serving, at, 2_500)).toMatchObject({ state: 'serving', lag: 2_500 })
  expect(readyStateOf(serving, at, 2_000)).toEqual({
    state: 'behind',
    reason: 'has not applied all of the log for 2500 ms, more than KVS_MAX_LAG',
    since: new Date(at.wall - 500).toISOString(),
    lag: 2_500,
  })
  expect(readyStateOf(states.down, at, 2_000)).toMatchObject({ state: 'log down', lag: 2_500 })
  expect(readyStateOf(states.replaying, at, 2_000)).toMatchObject({ state: 'replaying', lag: null })
})

test('told to stop it says so, whatever else happens, and serves on until it is stopped', () => {
  const announced = next(states.following, events['stop announced'], at)
  const again = next(announced, events['stop announced'], { now: 4_000, wall: at.wall + 500 })
  const lost = next(again, events['log lost'], at)
  for (const state of [announced, again, lost]) {
    expect(readyStateOf(state, at, 0)).toMatchObject({
      ...{ state: 'draining', reason: 'told to stop', since: new Date(at.wall).toISOString() },
    })
    expect([may(state, 'reads'), may(state, 'plainWrites')]).toEqual([true, true])
  }
  const stopped = next(lost, events.stopped, at)
  expect(readyStateOf(stopped, at, 0)).toMatchObject({ state: 'stopped', reason: 'told to stop' })
  const failed = next(states.connecting, events.failed, at)
  expect(readyStateOf(failed, at, 0)).toMatchObject({ state: 'stopped', reason: 'a newer schema', lag: null })
})

test('the log counts as up while there is a session over which it has not refused all writes', () => {
  expect(stateKinds.filter((kind) => isLogUp(states[kind])).toSorted()).toEqual([
    'catching up',
    'draining spool',
    'following',
    'replaying',
  ])
  expect(isLogUp(afterFullDisk)).toBe(false)
  expect(isLogUp(run([...ways.following, takesNone, reopened]))).toBe(false)
  expect(isLogUp(run([events.landed], afterFullDisk))).toBe(true)
  expect(isLogUp(run([events['log grew']], afterFullDisk))).toBe(true)
})

test('who has waited for a position in vain is told why the log is down', () => {
  expect(whyLogIsDown(states.following)).toBeUndefined()
  expect(whyLogIsDown(states['catching up'])).toBe('connection refused')
  expect(whyLogIsDown(states.diverged)).toBe('the log diverged')
})

const beforeReplay = { stopped: run([events.stopped]), diverged: run([reopened, events.diverged]) }

test.each<[string, NodeState, string | undefined, string | undefined, string | undefined, string | undefined, boolean]>(
  [
    ['connecting', states.connecting, 'not_ready', 'not_ready', 'not_ready', 'not_ready', false],
    ['replaying', states.replaying, 'not_ready', 'not_ready', 'not_ready', 'not_ready', false],
    ['draining spool', states['draining spool'], undefined, undefined, 'log_down', 'log_down', true],
    ['following', states.following, undefined, undefined, undefined, undefined, false],
    ['following a full disk', afterFullDisk, undefined, undefined, undefined, undefined, false],
    ['down', states.down, undefined, undefined, 'log_down', 'log_down', true],
    ['catching up', states['catching up'], undefined, undefined, 'log_down', 'log_down', true],
    ['diverged', states.diverged, undefined, 'not_stored', 'not_stored', 'log_down', false],
    ['diverged before', beforeReplay.diverged, 'not_ready', 'not_stored', 'not_stored', 'not_ready', false],
    ['stopped', states.stopped, undefined, 'draining', 'draining', 'draining', true],
    ['stopped before', beforeReplay.stopped, 'not_ready', 'draining', 'draining', 'not_ready', false],
  ],
)('beside %s', (_, state, reads, plainWrites, conditionalWrites, headWaits, spools) => {
  expect(refusalOf(state, 'reads')?.code).toBe(reads)
  expect(refusalOf(state, 'plainWrites')?.code).toBe(plainWrites)
  expect(refusalOf(state, 'conditionalWrites')?.code).toBe(conditionalWrites)
  expect(refusalOf(state, 'headWaits')?.code).toBe(headWaits)
  expect(may(state, 'spooling')).toBe(spools)
})

test('a refusal names the state and its reason', () => {
  expect([
    refusalOf(states.replaying, 'reads')?.message,
    refusalOf(beforeReplay.stopped, 'reads')?.message,
    refusalOf(beforeReplay.diverged, 'reads')?.message,
    refusalOf(states.down, 'headWaits')?.message,
    refusalOf(states.diverged, 'plainWrites')?.message,
    refusalOf(states.stopped, 'plainWrites')?.message,
  ]).toEqual([
    'the node is replaying: replaying the log',
    'the node is starting: connecting to the log',
    'the node is log diverged: the log went back',
    'this needs the log, which is down; nothing was done: connection refused',
    'the log diverged; nothing was stored: the log went back',
    catalogue.draining.message,
  ])
})

/** The log lines of a way, one after the other. */
function linesOn(way: readonly NodeEvent[], spools = true): string[] {
  let state = initialState(start)
  return way.flatMap((event) => {
    const before = state
    state = next(before, event, at)
    return linesOf({ before, event, after: state, at }, spools).map(({ level, text }) => `${level}: ${text}`)
  })
}

test('an outage is told when it begins and when it is over, once each', () => {
  const outage = [events['log lost'], unavailable('no route'), reopened, full, events['batch drained'], events.drained]
  expect(linesOn([...ways.following, ...outage, events.landed])).toEqual([
    'info: connected to kvs at postgres:5432',
    'info: 7 events replayed, on a checkpoint of 2 keys, in 0.000 s',
    'info: spooled writes that are in the log now: 3',
    'warn: the log is down: connection refused; writes go to the spool',
    'info: the log is back after 0.000 s: kvs at postgres:5432',
    'info: spooled writes that are in the log now: 3',
  ])
  expect(linesOn([...ways.following, events['log lost']], false).at(-1)).toBe(
    'warn: the log is down: connection refused; writes wait, and are refused in the end',
  )
})

test('a log that takes no writes is back once one has landed', () => {
  const way = [...ways.following, takesNone, reopened, nothingSpooled, nothingDrained]
  expect(linesOn(way).at(-1)).toBe('warn: the log is down: the disk is full; writes go to the spool')
  for (const event of [events.landed, events['log grew']]) {
    expect(linesOn([...way, event]).at(-1)).toBe('info: the log is back after 0.000 s: kvs at postgres:5432')
  }
})

test('while the node waits for its first session each new reason is told', () => {
  const way = [unavailable('no route'), unavailable('no route'), reopened, unavailable('no route'), unavailable('full')]
  expect(linesOn([...way, reopened])).toEqual([
    'warn: waiting for the log: no route',
    'info: connected to kvs at postgres:5432',
    'warn: waiting for the log: full',
  ])
})

test('what the log refuses is told, in the spool as well', () => {
  const ofSpool: NodeEvent = { kind: 'log lost', reason: 'a constraint', cause: 'rejected' }
  expect(linesOn([...ways.following, events.rejected]).at(-1)).toBe('error: the log refuses writes: a constraint')
  expect(linesOn([...ways['draining spool'], ofSpool]).slice(-2)).toEqual([
    'error: the log refuses writes: a constraint',
    'warn: the log is down: a constraint; writes go to the spool',
  ])
})

test('a line that may come with each batch is told once in a while, and ten such lines at most', () => {
  const isNews = makeRepetitionFilter()
  expect([isNews('a', 0), isNews('a', 1), isNews('b', 2)]).toEqual([true, false, true])
  for (let n = 2; n < 10; n++) expect(isNews(`of key ${n}`, 3)).toBe(true)
  expect(isNews('of one more key', 4)).toBe(false)
  const minutes = 60_000
  expect(isNews('a', 9 * minutes)).toBe(false)
  expect(isNews('a', 18 * minutes)).toBe(false) // told again and again, it stays told
  expect(isNews('a', 29 * minutes)).toBe(true)
})

const anyEvent: fc.Arbitrary<NodeEvent> = fc.oneof(
  ...eventKinds.map((kind) => fc.constant<NodeEvent>(events[kind])),
  fc.record({
    kind: fc.constant('log lost' as const),
    reason: fc.constantFrom('the disk is full', 'no route'),
    cause: fc.constantFrom('unreachable' as const, 'takes no writes' as const, 'rejected' as const),
  }),
  ...[nothingSpooled, nothingDrained].map((event) => fc.constant(event)),
)

/** States after any events whatsoever, in the order in which they come. */
const anyHistory = fc.array(anyEvent, { maxLength: 40 }).map((history) => {
  const visited: NodeState[] = [initialState(start)]
  history.forEach((event, index) => {
    const moment = { now: start.now + index, wall: start.wall + index }
    visited.push(next(visited.at(-1) as NodeState, event, moment))
  })
  return visited
})

function always(claim: (before: NodeState, after: NodeState) => boolean): void {
  fc.assert(
    fc.property(anyHistory, (visited) => visited.every((state, index) => claim(visited[index - 1] ?? state, state))),
    { numRuns: 500 },
  )
}

describe('whatever happens', () => {
  test('what is replayed stays replayed, and only a replay makes it so', () => {
    always((before, after) => isReplayed(after) === isReplayed(before) || before.kind === 'replaying')
    always((before, after) => !isReplayed(before) || isReplayed(after))
  })

  test('stopped is final', () => always((before, after) => before.kind !== 'stopped' || after === before))

  test('from diverged only a stop leads away', () => {
    always((before, after) => before.kind !== 'diverged' || ['diverged', 'stopped'].includes(after.kind))
  })

  test('a diverged or stopped node takes no writes', () => {
    const deeds: (keyof Permissions)[] = ['plainWrites', 'conditionalWrites']
    always((_, after) => !['diverged', 'stopped'].includes(after.kind) || deeds.every((deed) => !may(after, deed)))
  })

  test('reads are served after the replay, and never before', () => {
    always((_, after) => (refusalOf(after, 'reads') === undefined) === isReplayed(after))
  })

  test('what needs the log is done only in a session in which the view was brought into step', () => {
    always((_, after) => may(after, 'headWaits') === (after.kind === 'following'))
    always((_, after) => may(after, 'conditionalWrites') === (after.kind === 'following'))
    always((before, after) => after.kind !== 'following' || ['following', 'draining spool'].includes(before.kind))
  })

  test('nothing is spooled before the replay, or beside a log that takes writes', () => {
    always((_, after) => !may(after, 'spooling') || (isReplayed(after) && after.kind !== 'following'))
  })

  test('the log is never told to be up and down at once', () => {
    always((_, after) => {
      const { state, reason } = readyStateOf(after, start, 1e6)
      return (
        state !== 'serving' || isLogUp(after) === (reason === null) || reason?.startsWith('the log refuses') === true
      )
    })
  })

  test('an announced stop stays announced until the stop', () => {
    const isAnnounced = (state: NodeState) => state.kind === 'stopped' || state.stopAnnouncedAt !== undefined
    always((before, after) => !isAnnounced(before) || isAnnounced(after))
  })
})

test('a permission is given or refused with a reason for each deed in each state', () => {
  for (const kind of stateKinds) {
    for (const deed of Object.keys(permissions[kind]) as (keyof Permissions)[]) {
      if (deed !== 'spooling') expect(may(states[kind], deed)).toBe(refusalOf(states[kind], deed) === undefined)
    }
  }
})
