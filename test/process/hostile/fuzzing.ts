import { connect } from 'node:net'
import * as fc from 'fast-check'
import { expect } from 'vitest'
import { type Database, makeDatabase } from '../../support/database.ts'
import { makeDirectory, type Node, startNode, startReadyNode, toEnvironment } from '../../support/node.ts'
import { boundedHeap, expectService, expectUnharmed, holdingOf } from './health.ts'
import { bytesOf, type Traffic, traffic } from './requests.ts'
import { statusesOf } from './wire.ts'

/** KVS_FUZZ_SEED repeats a run. */
export const seed = Number(process.env.KVS_FUZZ_SEED ?? 20_261_121)
/** Connections at a time. */
const batch = 200
/**
 * Past all that the node bears with a client for: its timeouts are 2 s, checked every second, and a last second to
 * linger.
 */
const hangMs = 15_000

const settings = {
  ...boundedHeap,
  KVS_HEADERS_TIMEOUT: '2s',
  KVS_REQUEST_TIMEOUT: '2s',
  KVS_KEEPALIVE_TIMEOUT: '1s',
  KVS_APPEND_TIMEOUT: '3s',
  KVS_WAIT_TIMEOUT: '1s',
  KVS_FORWARD_TIMEOUT: '5s',
  KVS_IDLE_TIMEOUT: '8s',
}

/** So that the server closes, where it is still there to read this. */
const last = Buffer.from('GET /livez HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n')

/** Sends it cut as it is to be. @returns what was acknowledged for certain, by key */
async function play(port: number, traffic: Traffic, id: string): Promise<Map<string, string>> {
  const { items, cuts, end } = traffic
  const bytes = Buffer.concat([...items.map((item, n) => bytesOf(item, `${id}-${n}`)), last])
  const at = [...new Set(cuts.map((cut) => Math.floor((cut / 1_000) * bytes.length)))].toSorted((a, b) => a - b)
  const socket = connect({ port, host: '127.0.0.1', noDelay: true })
  let text = ''
  socket.on('error', () => undefined).on('data', (data) => (text += data.toString('latin1')))
  const isClosed = new Promise<boolean>((resolve) => {
    const timer = setTimeout(() => resolve(false), hangMs)
    socket.once('close', () => {
      clearTimeout(timer)
      resolve(true)
    })
  })
  for (const [index, from] of [0, ...at].entries()) {
    socket.write(bytes.subarray(from, at[index]))
    await new Promise((resolve) => setImmediate(resolve))
  }
  if (end === 'end') socket.end()
  if (end === 'reset') setTimeout(() => socket.resetAndDestroy(), 5)
  const isOver = await isClosed
  socket.destroy()
  expect(isOver, `the connection is left to hang: ${fc.stringify(traffic)}`).toBe(true)
  const statuses = statusesOf(text)
  const stored = new Map<string, string>()
  for (const [n, item] of items.entries()) {
    if (item.kind === 'wild') break // from here on answers may be those of others
    if (statuses[n] === 201) stored.set(`${id}-${n}`, item.value)
  }
  return stored
}

async function fuzz(node: Node, database: Database, seconds: number): Promise<{ connections: number; stored: number }> {
  const port = Number(new URL(node.url).port)
  const until = performance.now() + seconds * 1_000
  const before = await warmUp(node, port)
  const stored = new Map<string, string>()
  let batches = 0
  while (performance.now() < until) {
    const round = batches++
    const all = fc.sample(traffic, { numRuns: batch, seed: seed + round })
    try {
      const answers = await Promise.all(all.map((one, n) => play(port, one, `fuzz-${round}-${n}`)))
      for (const answer of answers) for (const [key, value] of answer) stored.set(key, value)
      await expectService(node)
    } catch (error) {
      throw new Error(`KVS_FUZZ_SEED=${seed + round} shows it:\n${node.output().slice(-2_000)}`, {
        cause: error,
      })
    }
  }
  const rows = await database.sql<{ key: string; value: string }>(
    `SELECT key, convert_from(value, 'UTF8') AS value FROM transactions WHERE key LIKE 'fuzz-%' ORDER BY sequence`,
  )
  const log = new Map(rows.map(({ key, value }) => [key, value]))
  for (const [key, value] of stored) expect([key, log.get(key)]).toEqual([key, value])
  expect(node.output()).not.toMatch(/"level":(50|60)/)
  await expectUnharmed(node, before, 50)
  return { connections: batches * batch, stored: stored.size }
}

/** What it holds once it has compiled what there is to compile. */
async function warmUp(node: Node, port: number) {
  const first = fc.sample(traffic, { numRuns: batch, seed: seed - 1 })
  await Promise.all(first.map((one, n) => play(port, one, `warm-${n}`)))
  await expectService(node)
  return holdingOf(node)
}

/** Sends random requests to a node for so many seconds. */
export async function fuzzNode(seconds: number): Promise<void> {
  const database = await makeDatabase()
  const node = await startReadyNode(makeDirectory(), { ...toEnvironment(database.target), ...settings })
  const { connections, stored } = await fuzz(node, database, seconds)
  console.log(`${connections} connections, ${stored} values acknowledged`)
  expect(stored).toBeGreaterThan(0)
}

/** Sends random requests to a forwarder for so many seconds. */
export async function fuzzForwarder(seconds: number): Promise<void> {
  const database = await makeDatabase()
  const node = await startReadyNode(makeDirectory(), { ...toEnvironment(database.target), ...settings })
  const target = new URL(node.url).host
  const forwarder = await startNode(makeDirectory(), { ...settings, FORWARDING_ADDRESS: target })
  const { stored } = await fuzz(forwarder, database, seconds)
  expect(stored).toBeGreaterThan(0)
  expect(node.process.exitCode).toBe(null)
  expect(node.output()).not.toMatch(/"level":(50|60)/)
}
