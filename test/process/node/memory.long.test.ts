import { readFileSync } from 'node:fs'
import { connect } from 'node:net'
import { expect, onTestFinished, test, vi } from 'vitest'
import { makeAuthority } from '../../support/certificates.ts'
import { ask, handshake } from '../../support/https.ts'
import type { Node } from '../../support/node.ts'
import type { startPostgres } from '../../support/own-postgres.ts'
import { status } from '../../support/requests.ts'
import { describeOnLinux } from '../../support/skips.ts'
import { until } from '../../support/until.ts'
import { upload } from '../../support/uploads.ts'
import { startTlsNode } from '../tls/tls-node.ts'
import { budget, expectAllIn, mebibyte, peakOf, presses, start } from './memory-pressure.ts'

vi.setConfig({ testTimeout: 300_000 })

/** Of some hundred megabytes. */
function isDrained(node: Node): Promise<unknown> {
  return until('the node serves', async () => (await status(node)).state === 'serving', 200_000)
}

/** The server with all its processes. */
async function processesOf(postgres: Awaited<ReturnType<typeof startPostgres>>): Promise<number[]> {
  const [{ pid } = { pid: 0 }] = await postgres.sql<{ pid: number }>('SELECT pg_backend_pid() AS pid')
  // It is gone by now, with the connection that asked; another one is not.
  const client = await postgres.connect()
  const { rows } = await client.query<{ pid: number }>('SELECT pg_backend_pid() AS pid')
  const backend = rows[0]?.pid ?? pid
  const server = Number(/^PPid:\s+(\d+)/m.exec(readFileSync(`/proc/${backend}/status`, 'utf8'))?.[1])
  const children = readFileSync(`/proc/${server}/task/${server}/children`, 'utf8').trim().split(' ').map(Number)
  return [server, ...children]
}

describeOnLinux('what requests hold in memory stays within 1.5 times KVS_MAX_WAITING_BYTES', () => {
  test('with Postgres killed meanwhile, and until the spool is drained', async () => {
    const { postgres, node, peak } = await start()
    const uploads = upload(node, 200, mebibyte)
    await until('writes are under way', () => uploads.acknowledged.length > 0)
    await postgres.stop()
    await until('writes are spooled', () => (uploads.statuses.get(202) ?? 0) > 0)
    await presses(uploads, 80)
    await uploads.stop()
    await postgres.start()
    await isDrained(node)
    expect(peak()).toBeLessThan(1.5 * budget)
    await expectAllIn(postgres, uploads)
  })

  test('with Postgres frozen, and 400 clients', async () => {
    const { postgres, node, peak } = await start({ POSTGRES_TIMEOUT: '2s' })
    const processes = await processesOf(postgres)
    const signal = (name: NodeJS.Signals) => {
      for (const pid of processes) {
        try {
          process.kill(pid, name)
        } catch {
          // it has ended since
        }
      }
    }
    onTestFinished(() => signal('SIGCONT'))
    signal('SIGSTOP')
    const uploads = upload(node, 400, mebibyte)
    await presses(uploads, 80)
    await uploads.stop()
    signal('SIGCONT')
    await isDrained(node)
    expect(peak()).toBeLessThan(1.5 * budget)
    await expectAllIn(postgres, uploads)
  })

  test('with clients that ask for values and read none, while others write them anew', async () => {
    const { node, peak } = await start({ KVS_MAX_VALUE_BYTES: '8MiB' })
    const value = Buffer.alloc(8 * mebibyte, 'x')
    const put = () => fetch(`${node.url}/v1/large`, { method: 'PUT', body: value })
    const answers: string[] = []
    for (let reader = 0; reader < 60; reader++) {
      await until('a new value is stored', async () => (await put()).status === 201)
      const socket = connect(Number(new URL(node.url).port), '127.0.0.1')
      onTestFinished(() => void socket.destroy())
      socket.on('error', () => undefined)
      socket.write('GET /v1/large HTTP/1.1\r\nHost: localhost\r\n\r\n')
      answers.push(await firstBytes(socket))
    }
    expect(peak()).toBeLessThan(1.5 * budget)
    expect(new Set(answers)).toEqual(new Set(['HTTP/1.1 200', 'HTTP/1.1 503']))
    // Writers, and whoever asks for little, are served all the same.
    expect((await fetch(`${node.url}/v1/small`, { method: 'PUT', body: 'x' })).status).toBe(201)
    expect(await (await fetch(`${node.url}/v1/small`)).text()).toBe('x')
  })

  test('with clients that ask for one value over TLS and read none of it', async () => {
    const authority = makeAuthority()
    const { ca } = authority
    const settings = { KVS_MAX_WAITING_BYTES: `${budget}MiB`, KVS_MAX_VALUE_BYTES: '8MiB' }
    const node = await startTlsNode(authority.issue('server'), settings)
    const body = 'x'.repeat(8 * mebibyte)
    expect(await ask(`${node.url}/v1/large`, { ca, method: 'PUT', body })).toMatchObject({ status: 201 })
    const peak = peakOf(node)
    const answers: string[] = []
    for (let reader = 0; reader < 40; reader++) {
      const socket = await handshake(node.url, { ca })
      socket.on('error', () => undefined)
      socket.write('GET /v1/large HTTP/1.1\r\nHost: localhost\r\n\r\n')
      answers.push(await firstBytes(socket))
    }
    expect(peak()).toBeLessThan(1.5 * budget)
    expect(new Set(answers)).toEqual(new Set(['HTTP/1.1 200', 'HTTP/1.1 503']))
  })
})

/** Of an answer, its status; the rest is not read. */
function firstBytes(socket: ReturnType<typeof connect>): Promise<string> {
  return new Promise((resolve) => {
    socket.once('data', (data) => {
      socket.pause()
      resolve(data.toString('latin1', 0, 12))
    })
  })
}
