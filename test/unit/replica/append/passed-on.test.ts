import { expect, test } from 'vitest'
import type { SpooledWrite } from '../../../../kvs/core/entry.ts'
import { KvsError, NotOwner } from '../../../../kvs/core/errors.ts'
import { allSlots } from '../../../../kvs/core/ring/slot-ranges.ts'
import { makeMemoryRingLog } from '../../../../kvs/log/memory/index.ts'
import { put, remove } from '../../../support/entries.ts'
import { makeWorld } from '../virtual-nodes.ts'

/** A guard by entries that name the keys which the log has given away, and members that take what is passed on. */
function makeMembers() {
  const members = {
    unowned: [] as string[],
    passed: [] as SpooledWrite[],
    obstacle: undefined as Error | undefined,
    note({ text }: { readonly text: string }) {
      members.unowned = text.split(' ').slice(1)
      return false
    },
    requireOwned(key: string) {
      if (members.unowned.includes(key)) throw new NotOwner('ring=1')
    },
    foresee: () => false,
    isCopy: () => false,
    state: () => ({ owns: allSlots }),
    async passOn(spooled: SpooledWrite) {
      if (members.obstacle) throw members.obstacle
      members.passed.push(spooled)
    },
  }
  return members
}

const told = ({ write, seen }: SpooledWrite) => [write.key, 'value' in write ? write.value.toString() : null, seen?.tag]

/** A node that has lost its log, in which keys `a` and `b` have values. */
async function startDown() {
  const world = makeWorld()
  const { server } = world
  const members = makeMembers()
  const warned: string[] = []
  const logger = {
    info: () => undefined,
    warn: (line: string) => void (line.startsWith('the spool waits') && warned.push(line)),
    error: () => undefined,
  }
  const hooks = { ring: members, passOn: members.passOn, logger }
  const node = await world.start(hooks)
  await node.put('a', undefined, 'before')
  await node.put('b', undefined, 'before')
  const tags = new Map(['a', 'b'].map((key) => [key, node.store.get(key)?.tag]))
  node.fate = () => 'reset'
  await world.until(() => node.store.status().state === 'log down')
  const ringLog = makeMemoryRingLog({ server, name: 'ring' })
  let version = 0
  /** An entry by which the log takes all keys but these. */
  const giveAway = (...keys: string[]) =>
    world.settled(ringLog.append([++version, ...keys].join(' '), BigInt(server.entries.length), []))
  const isDrained = (of = node) => of.store.status().state === 'serving' && of.store.status().spool.writes === 0
  const landed = () =>
    server.entries.slice(2).map(({ key, value, superseded }) => [key, value?.toString() ?? null, superseded])
  const spool = (...writes: ReturnType<typeof put | typeof remove>[]) =>
    world.settled(Promise.all(writes.map((write) => node.store.write(write))))
  return { ...world, node, members, hooks, warned, tags, giveAway, isDrained, landed, spool }
}

test('the newest write of a key that was given away is passed on with what it had seen, and no other', async () => {
  const { node, members, tags, giveAway, isDrained, landed, spool, until } = await startDown()
  await spool(put('a', '1'), put('c', '1'), put('mine', '1'))
  await spool(put('a', '2'), remove('b'))
  await giveAway('a', 'b', 'c')
  node.fate = () => 'arrives'
  await until(() => isDrained())
  expect(members.passed.map(told).toSorted()).toEqual([
    ['a', '2', tags.get('a')],
    ['b', null, tags.get('b')],
    ['c', '1', ''],
  ])
  expect(landed()).toEqual([
    ['1 a b c', null, false],
    ['a', '1', true],
    ['c', '1', true],
    ['mine', '1', false],
    ['a', '2', true],
    ['b', null, true],
  ])
  // What comes later has later numbers, and lands.
  await node.put('mine', undefined, '2')
  expect(landed().at(-1)).toEqual(['mine', '2', false])
})

test('what another node has overtaken before the key was given away is not passed on', async () => {
  const { node, start, members, hooks, giveAway, isDrained, landed, spool, until } = await startDown()
  await spool(put('a', 'mine'))
  const other = await start({ ...hooks, ring: makeMembers() })
  await other.put('a', undefined, 'theirs')
  await giveAway('a')
  node.fate = () => 'arrives'
  await until(() => isDrained())
  expect(members.passed).toEqual([])
  expect(landed().at(-1)).toEqual(['a', 'mine', true])
})

test('while the owner is out of reach the node waits, spools, and answers the ring; then it is passed on once', async () => {
  const { node, members, warned, giveAway, isDrained, landed, spool, until, settled, pass } = await startDown()
  await spool(put('a', '1'), put('mine', '1'))
  await giveAway('a')
  members.obstacle = new KvsError('cannot_forward', 'b:1: it gives no answer in time')
  node.fate = () => 'arrives'
  await until(() => warned.length > 0)
  expect(warned).toEqual(['the spool waits for another member of the ring: b:1: it gives no answer in time'])
  expect(await settled(node.store.write(put('mine', '2')))).toBe('spooled')
  await settled(node.store.followed.waitForHead())
  await expect(settled(node.store.waitForHead())).rejects.toMatchObject({ code: 'log_down' })
  await pass(10_000)
  expect([landed().length, warned.length, node.store.status().spool.writes]).toEqual([1, 1, 3])
  // Another node gets in first.
  await giveAway('a', 'else')
  expect(await settled(node.store.write(put('else')).catch(({ code }) => code))).toBe('spooled')
  await until(() => members.unowned.includes('else'))
  members.obstacle = undefined
  await until(() => isDrained())
  expect(members.passed.map(told)).toEqual([
    ['a', '1', expect.anything()],
    ['else', 'v', ''],
  ])
  expect(node.store.followed.session()).toBe(2)
})

test('a change that is called off meanwhile leaves the write to its own log', async () => {
  const { node, members, warned, giveAway, isDrained, landed, spool, until } = await startDown()
  await spool(put('a', 'mine'))
  await giveAway('a')
  members.obstacle = new KvsError('cannot_forward')
  node.fate = () => 'arrives'
  await until(() => warned.length > 0)
  await giveAway()
  await until(() => isDrained())
  expect(members.passed).toEqual([])
  expect(landed().at(-1)).toEqual(['a', 'mine', false])
})

test('a key that is given away while the batch is on its way is passed on by the next try', async () => {
  const { node, members, giveAway, isDrained, landed, spool, until, settled } = await startDown()
  await spool(put('a', 'mine'), put('b', 'mine'))
  await giveAway('b')
  let giving: Promise<unknown> | undefined
  const push = members.passed.push.bind(members.passed)
  members.passed.push = (...items) => {
    giving ??= giveAway('a', 'b')
    return push(...items)
  }
  node.delay = ({ kind }) => (kind === 'append-spooled' ? 50 : 1)
  node.fate = () => 'arrives'
  await until(() => isDrained())
  await settled(giving ?? Promise.resolve())
  expect(members.passed.map(({ write }) => write.key)).toEqual(['b', 'a'])
  expect(landed().slice(-2)).toEqual([
    ['a', 'mine', true],
    ['b', 'mine', true],
  ])
})

test('after a crash before the append it is passed on again, under the same number', async () => {
  const { node, start, members, hooks, giveAway, isDrained, landed, spool, until } = await startDown()
  await spool(put('a', 'mine'))
  await giveAway('a')
  node.fate = ({ kind }) => (kind === 'append-spooled' ? 'reset' : 'arrives')
  await until(() => members.passed.length > 0)
  node.kill()
  const next = await start(hooks, node)
  await until(() => isDrained(next))
  expect(members.passed.length).toBe(2)
  expect(members.passed[1]).toEqual(members.passed[0])
  expect(landed()).toEqual([
    ['1 a', null, false],
    ['a', 'mine', true],
  ])
})

test('a write whose append has landed after all is not passed on', async () => {
  const { server, start, until, settled } = makeWorld()
  const members = makeMembers()
  const node = await start({ ring: members, passOn: members.passOn })
  node.fate = ({ kind, leg }) => ((kind === 'append' && leg === 'answer') || kind === 'connect' ? 'reset' : 'arrives')
  void node.store.write(put('a', 'mine')).catch(() => undefined)
  await until(() => server.entries.length > 0)
  const ringLog = makeMemoryRingLog({ server, name: 'ring' })
  await settled(ringLog.append('1 a', BigInt(server.entries.length), []))
  node.fate = () => 'arrives'
  await until(() => node.store.status().state === 'serving' && node.store.status().spool.writes === 0)
  expect(members.passed).toEqual([])
})

test('what lands of a key before it is given away is what a later write has seen', async () => {
  const { node, server, members, giveAway, isDrained, spool, until } = await startDown()
  const many = Array.from({ length: 1_000 }, (_, n) => put(`many-${n}`, '1'))
  await spool(put('a', 'first'), remove('b'), ...many)
  await spool(put('a', 'second'), put('b', 'second'))
  // Once the first batch has landed, the keys are given away.
  let giving: Promise<unknown> | undefined
  node.delay = ({ kind }) => {
    if (kind === 'append-spooled' && server.entries.length > 1_000) giving ??= giveAway('a', 'b')
    return kind === 'append-spooled' ? 50 : 1
  }
  node.fate = () => 'arrives'
  await until(() => isDrained())
  await giving
  const first = server.entries.find(({ value }) => value?.toString() === 'first') ?? expect.fail()
  expect(members.passed.map(told).toSorted()).toEqual([
    ['a', 'second', expect.stringMatching(new RegExp(`-${first.sequence}-`))],
    ['b', 'second', ''],
  ])
})
