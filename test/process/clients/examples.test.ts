import { globSync, readFileSync } from 'node:fs'
import { expect, onTestFinished, test } from 'vitest'
import { makeClient } from '../../../clients/typescript/src/index.ts'
import { addToCart, order } from '../../../examples/cart.ts'
import { acquire } from '../../../examples/lock.ts'
import { root } from '../../../tools/lab/paths.ts'
import { spawnProcess } from '../../../tools/lab/process.ts'
import { until } from '../../support/until.ts'
import { shareNode } from './shared-node.ts'

const url = shareNode()
const client = () => makeClient({ url: url() })

/** Starts an example, and ends it with the test. */
function start(name: string, ...args: string[]) {
  const { PATH } = process.env
  const example = spawnProcess({
    command: process.execPath,
    args: [`${root}examples/${name}.ts`, url(), ...args],
    cwd: root,
    env: { PATH },
  })
  onTestFinished(() => example.stop('SIGKILL'))
  return example
}

/** Runs an example to its end, and gives the lines that it prints. */
async function run(name: string, ...args: string[]): Promise<string[]> {
  const example = start(name, ...args)
  expect([await example.ended, example.output()]).toEqual([0, example.output()])
  return example.output().trim().split('\n')
}

test('every example is listed and tested', () => {
  const names = globSync(`${root}examples/*.ts`).map((path) => /([\w-]+)\.ts$/.exec(path)?.[1] ?? '')
  const listed = [...readFileSync(`${root}examples/README.md`, 'utf8').matchAll(/`node examples\/([\w-]+)\.ts URL/g)]
  const tested = [...readFileSync(import.meta.filename, 'utf8').matchAll(/(?:start|run)\('([\w-]+)'/g)]
  expect(listed.map(([, name]) => name).toSorted()).toEqual(names.toSorted())
  expect([...new Set(tested.map(([, name]) => name))].toSorted()).toEqual(names.toSorted())
})

test('nitro-storage keeps sessions over restarts of the server', async () => {
  const visit = async (path: string, method = 'GET') => {
    const server = start('nitro-storage')
    const listening = await until('the server listens', () => /http:\/\/\S+/.exec(server.output())?.[0])
    const answer = await (await fetch(`${listening}/${path}`, { method })).json()
    await server.stop()
    return answer
  }
  expect(await visit('ada')).toEqual({ visits: 1 })
  expect(await visit('ada')).toEqual({ visits: 2 })
  expect(await visit('')).toEqual({ sessions: ['ada'] })
  expect((await client().head('sessions/ada'))?.expires).toEqual(expect.any(Date))
  expect(await visit('ada', 'DELETE')).toEqual({ removed: 'ada' })
  expect(await client().get('sessions/ada')).toBeUndefined()
})

test('keyv-cache computes once for all processes', async () => {
  const [seven, eight] = ['7 squared is 49', '8 squared is 64']
  expect(await run('keyv-cache')).toEqual(['computing 7', seven, 'computing 8', eight, seven])
  expect(await run('keyv-cache')).toEqual([seven, eight, seven])
  expect((await client().head('cache/squares:7'))?.expires).toEqual(expect.any(Date))
})

test('counter loses no visit of several processes at once', async () => {
  const pages = Array.from({ length: 20 }, (_, index) => (index % 2 === 0 ? 'home' : 'a-longer-one'))
  const lines = await Promise.all([1, 2, 3].map(() => run('counter', ...pages)))
  expect(lines.flat()).toContain('home: 30, longest: 12')
  expect(await client().getText('visits/home')).toBe('30')
  expect(await client().getText('visits/a-longer-one')).toBe('30')
})

test('lock has one holder at a time, and its tokens rise', async () => {
  const lines = await Promise.all([1, 2, 3].map(() => run('lock', 'job', '5')))
  const counted = lines.flat().map((line) => line.split(' '))
  const inOrder = counted.toSorted(([, one], [, other]) => Number(one) - Number(other))
  expect(inOrder.map(([, count]) => count)).toEqual(Array.from({ length: 15 }, (_, index) => String(index + 1)))
  const tokens = inOrder.map(([token = '']) => Number(token.split('-')[1]))
  expect(tokens).toEqual(tokens.toSorted((one, other) => one - other))
  expect(await client().get('locks/job')).toBeUndefined()
})

test('a lock whose holder is killed is free once its time is over', async () => {
  const key = 'locks/orphaned'
  await client().put(key, 'somebody who is gone', { ttl: 500, ifNoneMatch: '*' })
  expect(await run('lock', 'orphaned', '1')).toEqual([expect.stringMatching(/^"\S+" 1$/)])
})

test('a holder whose lock has ended learns of it, and can neither use the lock nor give it away', async () => {
  const [first, second] = [client(), client()]
  const key = 'locks/ended'
  const lost = await acquire(first, key, { holder: 'first', ttlMs: 300 })
  const { token } = lost
  await second.delete(key) // as when its time is over
  const held = await acquire(second, key, { holder: 'second', ttlMs: 60_000 })
  await until('the first one learns of it', () => lost.signal.aborted)
  const use = (etag: string) => first.transact({ if: [{ key, etag }], do: [{ put: 'used', value: 'x' }] })
  await expect(use(token)).rejects.toMatchObject({ code: 'condition_failed', failed: [{ key, etag: held.token }] })
  await lost.release()
  expect(await second.getText(key)).toBe('second')
  await use(held.token)
  await held.release()
  expect(await second.get(key)).toBeUndefined()
})

test('a lock is renewed for as long as it is held', async () => {
  const one = client()
  const lock = await acquire(one, 'locks/long', { holder: 'one', ttlMs: 600 })
  const { token } = lock
  await until('it has been renewed five times', async () => {
    const { etag } = (await one.head('locks/long')) ?? {}
    return Number(etag?.split('-')[1]) >= Number(token.split('-')[1]) + 5
  })
  expect(lock.signal.aborted).toBe(false)
  await lock.release()
})

test('leader: one leads at a time, and another one where it is killed or stops', async () => {
  const started = [1, 2, 3].map(() => start('leader', 'service'))
  const leading = (those: typeof started) =>
    those.find(
      ({ output, child }) => child.exitCode === null && child.signalCode === null && / leads with /.test(output()),
    )
  const first = await until('one leads', () => leading(started))
  expect(started.filter(({ output }) => / leads with /.test(output()))).toEqual([first])
  first.kill('SIGKILL')
  await first.ended
  const others = started.filter((one) => one !== first)
  const second = await until('another one leads', () => leading(others))
  second.kill('SIGTERM')
  expect(await second.ended).toBe(0)
  expect(second.output()).toMatch(/ leads no more\n$/)
  const third = await until('the last one leads', () => leading(others.filter((one) => one !== second)))
  const tokens = [first, second, third].map(({ output }) => Number(/"\w+-(\d+)-/.exec(output())?.[1]))
  expect(tokens).toEqual(tokens.toSorted((one, other) => one - other))
})

test('cart sells what there is once, and orders all of a cart or nothing', async () => {
  await client().put('stock/apple', '3')
  await client().put('stock/pear', '1')
  const carts = ['ada', 'bob', 'cy'].map((name) => run('cart', name, 'apple', 'pear'))
  const results = (await Promise.all(carts)).flat()
  expect(results.filter((line) => line.endsWith(': ordered apple, pear'))).toHaveLength(1)
  expect(results.filter((line) => line.endsWith(': not enough pear'))).toHaveLength(2)
  expect([await client().getText('stock/apple'), await client().getText('stock/pear')]).toEqual(['2', '0'])
  expect(await client().count('orders/')).toBe(1)
  expect(await client().count('carts/')).toBe(2)
  expect(await run('cart', 'dan', 'apple', 'apple')).toEqual(['dan: ordered apple, apple'])
  expect(await run('cart', 'eve')).toEqual(['eve: empty'])
})

test('carts that are ordered at the same moment sell no more than there is', async () => {
  const one = client()
  await one.put('stock/plum', '3')
  const carts = Array.from({ length: 10 }, (_, index) => `at-once-${index}`)
  for (const cart of carts) await addToCart(one, cart, 'plum')
  const results = await Promise.all(carts.map((cart) => order(one, cart)))
  expect(results.filter((result) => result === 'ordered plum')).toHaveLength(3)
  expect(results.filter((result) => result === 'not enough plum')).toHaveLength(7)
  expect(await one.getText('stock/plum')).toBe('0')
})

test('items that are put into one cart at the same moment are all in it', async () => {
  const items = ['a', 'b', 'c', 'd', 'e']
  await Promise.all(items.map((item) => addToCart(client(), 'full', item)))
  expect(JSON.parse((await client().getText('carts/full')) ?? '').toSorted()).toEqual(items)
})
