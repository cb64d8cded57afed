import { type AddressInfo, connect, createServer, type Socket } from 'node:net'
import { expect, onTestFinished, test } from 'vitest'
import { makeDirectory, startReadyNode } from '../../support/node.ts'
import { startPostgres } from '../../support/own-postgres.ts'
import { startProxy } from '../../support/proxy.ts'
import { put, reaches, text } from '../../support/requests.ts'
import { until } from '../../support/until.ts'

test('a spooled write is not overtaken by one that was overtaken itself', async () => {
  const postgres = await startPostgres()
  const [toA, toB] = [await startProxy(postgres.socket), await startProxy(postgres.socket)]
  const startNodeAt = (port: number) =>
    startReadyNode(makeDirectory(), { ...postgres.through(port), POSTGRES_TIMEOUT: '500ms' })
  const [a, b] = [await startNodeAt(toA.port), await startNodeAt(toB.port)]
  toB.cut()
  await reaches(b, 'log down')
  expect((await put(b, 'k', 'b')).status).toBe(202)
  expect((await put(a, 'k', 'seen by a')).status).toBe(201)
  toA.cut()
  await reaches(a, 'log down')
  expect((await put(a, 'k', 'a')).status).toBe(202)
  toB.heal()
  await reaches(b, 'serving')
  toA.heal()
  await reaches(a, 'serving')
  expect(await text(a, 'k')).toBe('a')
  expect((await postgres.log()).map((row) => [row.value, row.superseded])).toEqual([
    ['seen by a', false],
    ['b', true],
    ['a', false],
  ])
})

test('a batch that the network delivers when it is in the spool already overwrites nothing newer', async () => {
  const postgres = await startPostgres()
  const proxy = await startProxy(postgres.socket)
  const cut = await startReadyNode(makeDirectory(), { ...postgres.through(proxy.port), POSTGRES_TIMEOUT: '500ms' })
  const other = await startReadyNode(makeDirectory(), postgres.environment)
  expect((await put(cut, 'k', 'old')).status).toBe(201)
  proxy.hold()
  expect((await put(cut, 'k', 'late')).status).toBe(202)
  expect((await put(other, 'k', 'newer')).status).toBe(201)
  proxy.release()
  await reaches(cut, 'serving')
  expect((await postgres.log()).map((row) => [row.value, row.superseded])).toEqual([
    ['old', false],
    ['newer', false],
    ['late', true],
  ])
  expect([await text(cut, 'k'), await text(other, 'k')]).toEqual(['newer', 'newer'])
})

test('nor does one whose connection is lost long before the network delivers it', async () => {
  const postgres = await startPostgres()
  const network = await startLeakyNetwork(postgres.socket)
  const cut = await startReadyNode(makeDirectory(), { ...postgres.through(network.port), POSTGRES_TIMEOUT: '8s' })
  const other = await startReadyNode(makeDirectory(), postgres.environment)
  expect((await put(cut, 'k', 'old')).status).toBe(201)
  network.hold()
  const late = put(cut, 'k', 'late')
  await until('the append is on its way', () => network.heldBytes() > 0)
  network.loseClients()
  await reaches(cut, 'log down')
  expect(await text(cut, 'k')).toBe('old')
  const isAnswered = await Promise.race([late.then(() => true), put(other, 'k', 'newer').then(() => false)])
  network.deliver()
  await until('it has landed', async () => (await postgres.log()).length === 3)
  expect(isAnswered).toBe(false) // else it would overwrite what was written when its client had its answer
  expect((await late).status).toBe(202)
  expect((await put(other, 'k', 'newest')).status).toBe(201)
  network.heal()
  await reaches(cut, 'serving')
  expect((await postgres.log()).map((row) => row.value)).toEqual(['old', 'newer', 'late', 'newest'])
  expect(await text(cut, 'k')).toBe('newest')
})

/** A way to Postgres on which a client can lose its connection while what it has sent is still delivered. */
async function startLeakyNetwork(socket: string) {
  const clients = new Set<Socket>()
  const held: { readonly to: Socket; readonly bytes: Buffer }[] = []
  let isHeld = false
  let isCut = false
  const server = createServer((client) => {
    if (isCut) return void client.resetAndDestroy()
    const upstream = connect(socket)
    clients.add(client)
    client.on('data', (bytes: Buffer) => (isHeld ? held.push({ to: upstream, bytes }) : upstream.write(bytes)))
    client.on('error', () => undefined)
    upstream.on('data', (bytes) => client.writable && client.write(bytes))
    upstream.on('error', () => undefined)
    onTestFinished(() => void upstream.destroy())
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  onTestFinished(() => void server.close())
  return {
    port: (server.address() as AddressInfo).port,
    hold() {
      isHeld = true
    },
    heldBytes: () => held.reduce((sum, { bytes }) => sum + bytes.length, 0),
    loseClients() {
      isCut = true
      for (const client of clients) client.resetAndDestroy()
    },
    deliver() {
      isHeld = false
      for (const { to, bytes } of held) to.write(bytes)
    },
    heal() {
      isCut = false
    },
  }
}

test('a node that comes back catches up, and takes writes, beside one that writes all the time', async () => {
  const postgres = await startPostgres()
  const proxy = await startProxy(postgres.socket, { latencyMs: 30 })
  const busy = await startReadyNode(makeDirectory(), postgres.environment)
  const far = await startReadyNode(makeDirectory(), postgres.through(proxy.port))
  let stops = false
  const writing = Array.from({ length: 4 }, async () => {
    while (!stops) expect((await put(busy, 'k', 'x')).status).toBe(201)
  })
  proxy.cut()
  await reaches(far, 'log down')
  expect((await put(far, 'a', 'spooled')).status).toBe(202)
  proxy.heal()
  await reaches(far, 'serving')
  expect((await put(far, 'a', 'committed')).status).toBe(201)
  stops = true
  await Promise.all(writing)
})
