import { createStorage, prefixStorage } from 'unstorage'
import makeDriver from 'unstorage/drivers/http'
import { expect, test } from 'vitest'
import { makeDatabase } from '../../support/database.ts'
import { makeDirectory, startNode, startReadyNode, toEnvironment } from '../../support/node.ts'
import { until } from '../../support/until.ts'

async function start(env: Record<string, string> = {}) {
  const settings = { ...toEnvironment((await makeDatabase()).target), KVS_ALLOW_CLEAR: 'true', ...env }
  return startReadyNode(makeDirectory(), settings)
}

const storageAt = (base: string, headers: Record<string, string> = {}) =>
  createStorage({ driver: makeDriver({ base, headers }) })

/** Values as unstorage takes them, each with what it gives back. */
const values: readonly (readonly [kind: string, value: unknown, returned?: unknown])[] = [
  ['a text', 'text'],
  ['a text that is no ASCII', 'grüße 🔑'],
  ['an empty text', ''],
  ['a text of several lines', 'a\r\nb\n'],
  ['a number', 12.5],
  ['a text that is a number', '12', 12],
  ['true', true],
  ['false', false],
  ['null', null],
  ['an object', { a: { b: [1, 'two', null] }, ü: '🔑' }],
  ['an array', [1, { a: 2 }, []]],
  ['an empty object', {}],
  ['a large object', { text: 'x'.repeat(500_000) }],
]

const bytes = Uint8Array.from({ length: 256 }, (_, byte) => byte)
const raws: readonly (readonly [kind: string, value: unknown, returned: Uint8Array<ArrayBuffer>])[] = [
  ['a Uint8Array', bytes, bytes],
  ['a Buffer', Buffer.from(bytes), bytes],
  ['an ArrayBuffer', bytes.buffer, bytes],
  ['a Blob', new Blob([bytes]), bytes],
  ['a text', '{"not":"parsed"', Buffer.from('{"not":"parsed"')],
  ['nothing', new Uint8Array(0), new Uint8Array(0)],
]

test('values of every kind come back', async () => {
  const { url } = await start()
  const storage = storageAt(`${url}/v1`)
  for (const [kind, value, returned = value] of values) {
    await storage.setItem(`some:${kind}`, value as string)
    expect(await storage.getItem(`some:${kind}`), kind).toEqual(returned)
    expect(await storage.hasItem(`some:${kind}`), kind).toBe(true)
  }
  for (const [kind, value, returned] of raws) {
    await storage.setItemRaw(`raw:${kind}`, value)
    expect(new Uint8Array((await storage.getItemRaw<ArrayBuffer>(`raw:${kind}`)) as ArrayBuffer), kind).toEqual(
      new Uint8Array(returned),
    )
  }
  await storage.setItemRaw('raw:text', 'text')
  expect(await storage.getItem('raw:text')).toBeDefined()
  const shown = await fetch(`${url}/v1/raw/a%20Blob`)
  expect([shown.headers.get('content-type'), (await shown.arrayBuffer()).byteLength]).toEqual([
    'application/octet-stream',
    256,
  ])
})

test('what is not there is not there, and goes without an error', async () => {
  const { url } = await start()
  const storage = storageAt(`${url}/v1/`)
  expect(await storage.hasItem('a')).toBe(false)
  expect(await storage.getItem('a')).toBeNull()
  await storage.removeItem('a')
  await storage.setItem('a', 'x')
  await storage.removeItem('a')
  expect(await storage.hasItem('a')).toBe(false)
  await storage.setItem('a', 'x')
  await storage.setItem('a', undefined as unknown as string)
  expect(await storage.getItem('a')).toBeNull()
  expect(await storage.getKeys()).toEqual([])
  await storage.clear()
})

test('several items at a time, and keys of every notation', async () => {
  const { url } = await start()
  const storage = storageAt(`${url}/v1`)
  await storage.setItems([
    { key: 'a:b', value: '1' },
    { key: 'a/c', value: '2' },
    { key: 'a\\d', value: '3' },
    { key: 'grün:🔑 #%&+=', value: '4' },
  ])
  expect(await storage.getItems(['a/b', 'a:c', 'a:d', 'grün/🔑 #%&+='])).toEqual([
    { key: 'a:b', value: 1 },
    { key: 'a:c', value: 2 },
    { key: 'a:d', value: 3 },
    { key: 'grün:🔑 #%&+=', value: 4 },
  ])
  expect(await storage.getKeys()).toEqual(['a:b', 'a:c', 'a:d', 'grün:🔑 #%&+='])
  expect(await (await fetch(`${url}/v1/a%2Fb`)).text()).toBe('1')
})

test('meta of the service and of the caller', async () => {
  const { url } = await start()
  const storage = storageAt(`${url}/v1`)
  await storage.setItem('a', 'x')
  expect(await storage.getMeta('a', { nativeOnly: true })).toMatchObject({ status: 200 })
  await storage.setMeta('a', { author: 'ada', mtime: new Date(1_500_000_000_000) })
  expect(await storage.getMeta('a')).toMatchObject({ status: 200, author: 'ada', mtime: new Date(1_500_000_000_000) })
  await storage.removeMeta('a')
  expect(await storage.getMeta('a')).not.toHaveProperty('author')
  await storage.setMeta('a', { author: 'ada' })
  await storage.removeItem('a', { removeMeta: true })
  expect(await storage.getKeys()).toEqual([])
})

test('items with a ttl end by themselves, and meta tells when an item was written and when it ends', async () => {
  const { url } = await start()
  const storage = storageAt(`${url}/v1`)
  const began = Math.floor(Date.now() / 1000) * 1000 // HTTP's dates are in seconds
  await storage.setItem('stays', 'x', { ttl: 3600 })
  const { mtime, ttl } = await storage.getMeta('stays', { nativeOnly: true })
  expect(mtime?.getTime()).toBeGreaterThanOrEqual(began)
  expect(mtime?.getTime()).toBeLessThanOrEqual(Date.now())
  expect(ttl).toBeGreaterThan(3590)
  expect(ttl).toBeLessThanOrEqual(3600)
  await storage.setItem('goes', 'x', { ttl: 1 })
  await storage.setItemRaw('goes:raw', 'x', { ttl: 1 })
  await until('the end of two items', async () => (await storage.getKeys()).length === 1)
  expect([await storage.getKeys(), await storage.getItem('goes'), await storage.hasItem('goes:raw')]).toEqual([
    ['stays'],
    null,
    false,
  ])
})

test('keys and clear are within a base, which is a folder', async () => {
  const { url } = await start()
  const storage = storageAt(`${url}/v1`)
  const keys = ['a', 'a:1', 'a:2', 'a:b:3', 'ab:4', 'b:5']
  for (const key of keys) await storage.setItem(key, 'x')
  expect(await storage.getKeys()).toEqual(keys)
  expect(await storage.getKeys('a')).toEqual(['a:1', 'a:2', 'a:b:3'])
  expect(await storage.getKeys('a:b')).toEqual(['a:b:3'])
  expect(await storage.getKeys('a', { maxDepth: 1 })).toEqual(['a:1', 'a:2'])
  expect(await storage.getKeys('none')).toEqual([])
  // The storage clears whole mounts alone, and leaves all else to the driver.
  const driver = makeDriver({ base: `${url}/v1` })
  await driver.clear?.('a:b', {})
  expect(await storage.getKeys('a')).toEqual(['a:1', 'a:2'])
  await driver.clear?.('a', {})
  expect(await storage.getKeys()).toEqual(['a', 'ab:4', 'b:5'])
  await storage.clear()
  expect(await storage.getKeys()).toEqual([])
})

test('a namespace is a prefix of the storage, a mount, or a part of the driver’s base', async () => {
  const { url } = await start()
  const storage = storageAt(`${url}/v1`)
  await storage.setItem('other:1', 'x')
  const prefixed = prefixStorage(storage, 'team')
  await prefixed.setItem('a:1', 'one')
  expect([await prefixed.getKeys(), await prefixed.getItem('a:1')]).toEqual([['a:1'], 'one'])
  expect(await (await fetch(`${url}/v1/team/a/1`)).text()).toBe('one')

  const mounting = createStorage().mount('remote', makeDriver({ base: `${url}/v1` }))
  expect(await mounting.getKeys()).toEqual(['remote:other:1', 'remote:team:a:1'])
  expect(await mounting.getKeys('remote:team')).toEqual(['remote:team:a:1'])
  expect(await mounting.getItem('remote:team:a:1')).toBe('one')
  await createStorage()
    .mount('remote', makeDriver({ base: `${url}/v1/team` }))
    .clear('remote')
  expect(await storage.getKeys()).toEqual(['other:1'])

  // Lists have whole keys, as unstorage's own server gives them.
  const based = storageAt(`${url}/v1/team`)
  await based.setItem('a:1', 'two')
  expect(await based.getItem('a:1')).toBe('two')
  expect(await based.getKeys()).toEqual(['team:a:1'])
  await based.clear()
  expect(await storage.getKeys()).toEqual(['other:1'])
})

test('it works through a forwarder, and with tokens, each in its own keys', async () => {
  const tokens = ['a', 'b'].map((name) => `${name}:read+write+clear:${name.repeat(32)}:${name}/`)
  const node = await start({ KVS_TOKENS: tokens.join(' '), KVS_ALLOW_CLEAR: 'false' })
  const forwarder = await startNode(makeDirectory(), { FORWARDING_ADDRESS: new URL(node.url).host })
  const bearer = (name: string) => ({ authorization: `Bearer ${name.repeat(32)}` })
  const [own, other] = [storageAt(`${forwarder.url}/v1`, bearer('a')), storageAt(`${forwarder.url}/v1`, bearer('b'))]
  await own.setItem('a:1', { one: 1 })
  await other.setItem('b:1', 'x')
  await expect(own.setItem('b:2', 'x')).rejects.toThrow('403')
  expect([await own.getKeys(), await own.getKeys('a'), await own.getItem('a:1')]).toEqual([
    ['a:1'],
    ['a:1'],
    { one: 1 },
  ])
  await expect(own.getKeys('b')).rejects.toThrow('403')
  await expect(storageAt(`${node.url}/v1/b`, bearer('a')).clear()).rejects.toThrow('403')
  await own.clear()
  expect([await own.getKeys(), await other.getKeys()]).toEqual([[], ['b:1']])
})
