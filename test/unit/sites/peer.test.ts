import { expect, onTestFinished, test } from 'vitest'
import type { FeedQuery } from '../../../kvs/kv/index.ts'
import type { Frame } from '../../../kvs/sites/frames/frame.ts'
import { makeIntake } from '../../../kvs/sites/intake.ts'
import { makePeer } from '../../../kvs/sites/peer.ts'
import type { OpenFeed } from '../../../kvs/sites/pull.ts'
import { at, clientOf, foreign, limits, makeImport, makeLogger, makeOwnSite } from './fixtures.ts'
import { encoded } from './frames/samples.ts'
import { makeManualClock } from './manual-clock.ts'

const hello = (logId: string, after = 0): Frame => ({ type: 'hello', logId, after: BigInt(after) })
const entry = (logId: string, sequence: number): Frame => ({
  ...{ type: 'entry', sequence: BigInt(sequence) },
  ...foreign(logId, sequence),
})
const reached = (sequence: number, head = sequence): Frame => ({
  ...{ type: 'reached', sequence: BigInt(sequence), head: BigInt(head), position: at({}), time: 0 },
})
const ended: Frame = { type: 'end', code: 'stopping', sentence: 'the node stops' }

/** What comes over one connection: frames or bytes, then its end, unless the last one is `open`. */
type Script = readonly (Frame | Buffer | 'open' | 'signs')[]

/** One site whose peers answer as a test says, each connection by the next script; the last one goes on for ever. */
function makeFollowed(peers: Record<string, readonly (Script | Error)[]>) {
  const time = makeManualClock()
  const log = makeImport('here')
  const view = makeOwnSite()
  const { told, logger } = makeLogger()
  const queries: Record<string, FeedQuery[]> = {}
  const stamps: number[] = []
  const stop = new AbortController()
  const ending = new AbortController()
  const intake = makeIntake(log.target, view.site, ending.signal)
  const lead = { target: log.target, intake, followed: new Map<string, string>() }
  let closed = 0

  function openOf(address: string, scripts: readonly (Script | Error)[]): OpenFeed {
    const asked: FeedQuery[] = []
    queries[address] = asked
    return async (query, signal) => {
      asked.push(query)
      const script = scripts[Math.min(asked.length, scripts.length) - 1]
      if (script instanceof Error || script === undefined) throw script
      return chunksOf(script, signal)
    }
  }

  async function* chunksOf(script: Script, signal: AbortSignal) {
    try {
      for (const part of script) {
        if (part === 'open') await new Promise<void>((_, reject) => onAbort(signal, reject))
        else if (part === 'signs') yield* signsOf(signal)
        else yield Buffer.isBuffer(part) ? part : encoded(part)
      }
    } finally {
      closed++
    }
  }

  async function* signsOf(signal: AbortSignal) {
    for (;;) {
      await time.clock.sleep(500, signal)
      if (signal.aborted) throw new Error('aborted')
      yield encoded(reached(9))
    }
  }

  const made = Object.entries(peers).map(([address, scripts]) =>
    makePeer({
      ...{ address, client: clientOf(openOf(address, scripts)), limits, logger, clock: time.clock },
      rank: () => undefined,
      onStamp: (stamp) => void stamps.push(stamp),
      random: { fraction: () => 0.5, uuid: () => '' },
    }),
  )
  const running = Promise.all(made.map((peer) => peer.follow(lead, stop.signal)))
  onTestFinished(() => stop.abort())
  return {
    ...{ time, log, told, queries, lead, peers: made, running, stop, stamps },
    get closed() {
      return closed
    },
    status: (index = 0) => made[index]?.status,
  }
}

function onAbort(signal: AbortSignal, act: (error: Error) => void): void {
  signal.addEventListener('abort', () => act(new Error('aborted')))
}

test('entries land in batches as they were sent, and what is reached is told once they have', async () => {
  const one = makeFollowed({ p: [[hello('a'), entry('a', 1), entry('a', 3), reached(4, 9), entry('a', 5), 'open']] })
  one.log.hold()
  await one.time.pass(20)
  expect(one.status()).toMatchObject({ state: 'following', log: 'a', behind: 0, lag: null })
  one.log.land()
  await one.time.pass(20)
  expect(one.status()).toMatchObject({ behind: 5, lag: null })
  expect([one.log.names, one.stamps]).toEqual([['a@1 a@3'], [1_000, 3_000, 5_000]])
})

test('a connection that breaks goes on where it was, and what came without a reached is given up', async () => {
  const one = makeFollowed({
    p: [
      [hello('a'), entry('a', 1), reached(4), entry('a', 5)],
      [hello('a', 4), reached(4), 'open'],
    ],
  })
  await one.time.pass(300)
  expect(one.log.names).toEqual(['a@1'])
  const [first, second] = one.queries.p ?? []
  expect(first).toMatchObject({ site: 'here', have: at({}), after: at({}) })
  expect(second).toMatchObject({ have: at({ a: 1 }), stamps: new Map([['a', 5]]), after: at({ a: 4 }) })
})

test('what fails is said once, and tried again with pauses that grow to half a second, also after a good beginning', async () => {
  const bad = [hello('a'), reached(0), Buffer.from('<!DOCTYPE html>')]
  const one = makeFollowed({ p: [bad] })
  await one.time.pass(60_000)
  const tries = one.queries.p?.length ?? 0
  expect(tries).toBeGreaterThan(110)
  expect(tries).toBeLessThan(200)
  expect(one.told).toEqual([
    'following the log a at p',
    'cannot follow p: frame 3: the frame is of an unknown type: 67',
  ])
  expect(one.status()).toMatchObject({ reason: 'frame 3: the frame is of an unknown type: 67' })
  expect(one.closed).toBe(tries)
})

test('a peer that makes up a new failure each time is told of 100 times', async () => {
  const failures = Array.from({ length: 300 }, (_, index) => new Error(`no. ${index}`))
  const one = makeFollowed({ p: failures })
  await one.time.pass(300_000, 100)
  expect(one.told).toHaveLength(100)
})

test('a stream that lasts is told of, with how long it was away, and the next failure is said again', async () => {
  const broken = new Error('no way')
  const one = makeFollowed({ p: [broken, broken, [hello('a'), 'signs']] })
  await one.time.pass(3_000)
  expect(one.told).toEqual(['cannot follow p: no way', expect.stringMatching(/^following the log a at p again after /)])
  expect(one.status()).toMatchObject({ state: 'following', reason: null })
})

test('an end that is announced is no different', async () => {
  const one = makeFollowed({
    p: [
      [hello('a'), reached(0), ended],
      [hello('a'), 'open'],
    ],
  })
  await one.time.pass(300)
  expect(one.told).toEqual(['following the log a at p', 'cannot follow p: the node stops'])
  expect(one.status()).toMatchObject({ state: 'following' })
})

test('a node of the own site is left alone, and asked again every five seconds', async () => {
  const one = makeFollowed({ p: [[hello('here'), 'open']] })
  await one.time.pass(20_000)
  expect(one.told).toEqual(['not following p: it is a node of this very site'])
  expect(one.status()).toMatchObject({ state: 'standby', reason: 'it is a node of this very site' })
  expect(one.queries.p?.length).toBe(4)
})

test('a log is followed at one address, and at another one when that fails', async () => {
  const one = makeFollowed({
    p: [[hello('a'), entry('a', 1), reached(1), 'open']],
    q: [[hello('a'), 'open']],
  })
  await one.time.pass(1_000)
  expect([one.status(0)?.state, one.status(1)?.state]).toEqual(['following', 'standby'])
  expect(one.lead.followed).toEqual(new Map([['a', 'p']]))
  expect(one.status(1)?.reason).toBe('its log is followed at p')
  const two = makeFollowed({ p: [[hello('a')], new Error('gone')], q: [[hello('b')], [hello('a'), 'open']] })
  await two.time.pass(10_000)
  expect([two.status(0)?.state, two.status(1)?.state]).toEqual(['unreachable', 'following'])
})

test('an address with another log starts over, also one that was met while that log was followed elsewhere', async () => {
  const one = makeFollowed({
    p: [[hello('b'), 'signs']],
    q: [[hello('a'), entry('a', 1), reached(100)], [hello('b')], [hello('b')], [hello('b'), 'open']],
  })
  await one.time.pass(12_000)
  const asked = one.queries.q ?? []
  expect(asked.length).toBeGreaterThan(2)
  expect(asked[1]?.after).toEqual(at({ a: 100 }))
  expect(asked.slice(2).map(({ after }) => after)).toEqual(asked.slice(2).map(() => at({})))
  expect(one.status(1)).toMatchObject({ log: 'b', behind: 0 })
  expect(one.told).toContain('q had the log a, and has the log b now: it is another site')
})

test('a peer that skips entries, or sends this site its own, is not followed', async () => {
  const skipping = makeFollowed({ p: [[hello('a', 5), reached(5), 'open']] })
  await skipping.time.pass(100)
  expect(skipping.status()).toMatchObject({ state: 'unreachable', reason: 'the other site skips entries' })
  const own: Frame = { ...entry('a', 1), origin: { logId: 'here', sequence: 1n } } as Frame
  const returning = makeFollowed({ p: [[hello('a'), own, reached(1), 'open']] })
  await returning.time.pass(100)
  expect(returning.status()).toMatchObject({ reason: 'the other site sends this site’s entries' })
  expect(returning.log.appended).toHaveLength(0)
})

test('at its end a peer keeps no connection and no log', async () => {
  const one = makeFollowed({ p: [[hello('a'), 'open']] })
  await one.time.pass(100)
  one.stop.abort()
  await one.running
  expect([one.closed, one.lead.followed.size, one.status()?.state]).toEqual([1, 0, 'idle'])
})
