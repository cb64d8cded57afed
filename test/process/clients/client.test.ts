import { expect, test } from 'vitest'
import { makeClient } from '../../../clients/typescript/src/index.ts'
import { makeDatabase } from '../../support/database.ts'
import { makeDirectory, startReadyNode, toEnvironment } from '../../support/node.ts'
import { startPostgres } from '../../support/own-postgres.ts'
import { reaches } from '../../support/requests.ts'

/** A node, and a client of it. */
async function startNode(environment?: Record<string, string>) {
  const settings = environment ?? toEnvironment((await makeDatabase()).target)
  const node = await startReadyNode(makeDirectory(), settings)
  return { node, client: makeClient({ url: node.url }) }
}

test('bytes, text and types come back as they went in', async () => {
  const { client } = await startNode()
  const bytes = Uint8Array.from({ length: 256 }, (_, index) => index)
  for (const key of ['a', 'ä/b:', 'a?b#c%41+ ', 'a//b/']) {
    const { etag, isSpooled } = await client.put(key, bytes, { contentType: 'image/png' })
    expect(isSpooled).toBe(false)
    expect(await client.get(key)).toMatchObject({ value: bytes, etag, contentType: 'image/png', size: 256 })
    expect(await client.head(key)).toMatchObject({ etag, size: 256 })
    await client.delete(key)
    expect(await client.get(key)).toBeUndefined()
    expect(await client.head(key)).toBeUndefined()
  }
  await client.put('text', 'ä')
  expect(await client.getText('text')).toBe('ä')
})

test('a write under a condition is done, or says what the value is at', async () => {
  const { client } = await startNode()
  const { etag = '' } = await client.put('a', '1', { ifNoneMatch: '*' })
  await expect(client.put('a', '2', { ifNoneMatch: '*' })).rejects.toMatchObject({ code: 'condition_failed', etag })
  const second = await client.put('a', '2', { ifMatch: etag })
  await expect(client.delete('a', { ifMatch: etag })).rejects.toMatchObject({ etag: second.etag, isUndecided: false })
  await client.delete('a', { ifMatch: ['"elsewhere"', second.etag ?? ''] })
  await expect(client.put('a', '3', { ifMatch: '*' })).rejects.toMatchObject({ code: 'condition_failed' })
})

test('a conditional write whose answer is lost is done once, and the client learns that it was', async () => {
  const { node } = await startNode()
  let lost = 0
  const losing: typeof fetch = async (url, init) => {
    const response = await fetch(url, init)
    if (init?.method !== 'PUT' || lost++ > 0) return response
    throw new TypeError('fetch failed', { cause: new Error('the answer is lost') })
  }
  const client = makeClient({ url: node.url, fetch: losing, retry: { firstDelayMs: 1 } })
  const { etag } = await client.put('a', 'x', { ifNoneMatch: '*' })
  expect(lost).toBe(2)
  expect(await client.get('a')).toMatchObject({ etag })
})

test('a client that goes on at another node, or in another process, sees what it wrote', async () => {
  const environment = toEnvironment((await makeDatabase()).target)
  const [one, other] = [await startNode(environment), await startNode(environment)]
  for (let round = 0; round < 20; round++) {
    await one.client.put('a', String(round))
    other.client.advance(one.client.position)
    expect(await other.client.getText('a')).toBe(String(round))
  }
  expect(await other.client.getText('a', { consistent: true })).toBe('19')
})

test('while the log is down a plain write is spooled, and one under a condition waits for the log', async () => {
  const postgres = await startPostgres()
  const { node } = await startNode(postgres.environment)
  const client = makeClient({ url: node.url, retry: { attempts: 1_000, firstDelayMs: 10, maxDelayMs: 50 } })
  await client.put('a', '1')
  await postgres.stop()
  await reaches(node, 'log down')
  expect(await client.put('b', '2')).toEqual({ etag: undefined, isSpooled: true })
  expect(await client.get('b')).toMatchObject({ isSpooled: true, etag: undefined })
  await expect(client.get('b', { consistent: true, timeoutMs: 500 })).rejects.toMatchObject({ code: 'log_down' })
  const conditional = client.put('c', '3', { ifNoneMatch: '*' })
  await postgres.start()
  expect(await conditional).toMatchObject({ etag: expect.any(String), isSpooled: false })
})

test('what the service refuses comes with its code', async () => {
  const { node, client } = await startNode({
    ...toEnvironment((await makeDatabase()).target),
    KVS_TOKENS: `reader:read:${'r'.repeat(32)}`,
    KVS_MAX_VALUE_BYTES: '10',
  })
  await expect(client.get('a')).rejects.toMatchObject({ code: 'unauthorized', status: 401 })
  await expect(client.head('a')).rejects.toMatchObject({ code: 'unexplained', status: 401 })
  const reader = makeClient({ url: node.url, token: 'r'.repeat(32) })
  expect(await reader.get('a')).toBeUndefined()
  await expect(reader.put('a', 'x')).rejects.toMatchObject({ code: 'forbidden', status: 403 })
  await expect(reader.get('\0')).rejects.toMatchObject({ code: 'bad_key', status: 400 })
})
