import { expect, test } from 'vitest'
import { parsePosition } from '../../../../kvs/core/position.ts'
import { makeWriter } from '../../../../kvs/log/index.ts'
import { calmNetwork } from '../../../../kvs/log/memory/index.ts'
import { connect } from '../../../../kvs/log/memory/memory-connection.ts'
import { makeMemoryStatements } from '../../../../kvs/log/memory/memory-statements.ts'
import { makeVirtualClock } from '../../../../tools/simulator/virtual-clock.ts'
import { put, remove } from '../../../support/entries.ts'
import { makeWorld } from '../virtual-nodes.ts'

const after = parsePosition(`beef4567=9,stamp=${Date.UTC(2100, 0, 1) * 1_000}`)

/** A node that has lost its log. */
async function startDown() {
  const world = makeWorld()
  const node = await world.start()
  await node.put('a', undefined, 'before')
  node.fate = () => 'reset'
  await world.until(() => node.store.status().state === 'log down')
  const isDrained = () => node.store.status().state === 'serving' && node.store.status().spool.writes === 0
  /** An entry of another log comes into this one. */
  async function takeOver(key: string) {
    const { server, scheduler } = world
    const clock = makeVirtualClock(scheduler, scheduler.lane(), 0)
    const parts = { server, network: calmNetwork, clock, writerId: 'importer', number: 1, timeoutMs: 1_000 }
    const statements = makeMemoryStatements(await connect(parts), 1_000)
    const writer = makeWriter({ id: 'importer', timeoutMs: 1_000, clock })
    await writer.register(statements)
    const origin = { logId: 'beef4567', sequence: 1n }
    const { stamp = 0 } = server.entries.at(-1) ?? {}
    await writer.appendForeign(
      statements,
      [{ write: put(key, 'theirs'), stamp: stamp + 1, superseded: false, origin }],
      1n,
    )
  }
  const landed = () => world.server.entries.map(({ key, value, superseded }) => [key, value?.toString(), superseded])
  return { ...world, node, isDrained, takeOver, landed }
}

test('what was spooled with a dependency lands with it, and with a later stamp', async () => {
  const { node, until, settled, isDrained, server } = await startDown()
  for (const write of [{ ...put('a'), after }, { ...remove('b'), after }, put('c')]) {
    expect(await settled(node.store.write(write))).toBe('spooled')
  }
  node.fate = () => 'arrives'
  await until(isDrained)
  const entries = server.entries.slice(-3)
  expect(entries.map(({ key, after }) => [key, after])).toEqual([
    ['a', after],
    ['b', after],
    ['c', undefined],
  ])
  expect(entries[0]?.stamp).toBeGreaterThan(after?.stamp ?? Number.NaN)
})

test('so does what is spooled because the answer to its append was lost', async () => {
  const { start, settled, until, server } = makeWorld()
  const node = await start()
  node.fate = ({ kind }) => (kind === 'append' ? 'lost' : 'reset')
  expect(await settled(node.store.write({ ...put('a'), after }))).toBe('spooled')
  node.fate = () => 'arrives'
  await until(() => node.store.status().state === 'serving' && node.store.status().spool.writes === 0)
  expect(server.entries.map(({ key, after }) => [key, after])).toEqual([['a', after]])
})

test('entries of other logs overtake nothing that is spooled', async () => {
  const { node, until, settled, isDrained, takeOver, landed } = await startDown()
  expect(await settled(node.store.write(put('a', 'mine')))).toBe('spooled')
  await settled(takeOver('a'))
  node.fate = () => 'arrives'
  await until(isDrained)
  expect(landed().slice(1)).toEqual([
    ['a', 'theirs', false],
    ['a', 'mine', false],
  ])
  expect(node.shows('a')).toBe('mine')
})

test('nor at a start, of what an earlier run has spooled', async () => {
  const { node, start, until, settled, takeOver, landed } = await startDown()
  expect(await settled(node.store.write({ ...put('a', 'mine'), after }))).toBe('spooled')
  node.kill()
  await settled(takeOver('a'))
  const next = await start({}, node)
  await until(() => next.store.status().spool.writes === 0)
  expect(landed().slice(1)).toEqual([
    ['a', 'theirs', false],
    ['a', 'mine', false],
  ])
  expect(next.shows('a')).toBe('mine')
})
