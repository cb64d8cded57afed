import { execFile } from 'node:child_process'
import { randomUUID } from 'node:crypto'
import { promisify } from 'node:util'
import { afterAll, beforeAll, expect, test, vi } from 'vitest'
import { docker } from '../../tools/lab/docker.ts'
import { root } from '../../tools/lab/paths.ts'
import { freePort } from '../../tools/lab/ports.ts'
import { positionOf, makeClient as startClient } from '../support/client.ts'
import { until } from '../support/until.ts'
import { haveBalancer } from './balancer.ts'
import { type Client, makeClient } from './client.ts'
import { describeWithDocker } from './docker.ts'

vi.setConfig({ testTimeout: 300_000, hookTimeout: 900_000 })

const project = `kvs-test-${randomUUID().slice(0, 8)}`
const files = ['docker-compose.yml', 'compose/nodes.yml'].flatMap((file) => ['--file', `${root}${file}`])

let client: Client
let url: string
let environment: NodeJS.ProcessEnv

const compose = (...args: string[]) => docker(['compose', '--project-name', project, ...files, ...args], environment)

describeWithDocker('three nodes behind a balancer', () => {
  beforeAll(async () => {
    const port = await freePort()
    url = `http://127.0.0.1:${port}`
    client = makeClient(url)
    environment = { ...process.env, PUBLISH: `127.0.0.1:${port}` }
    await haveBalancer()
    await compose('up', '--build', '--wait')
    await client.reaches('serving')
  })

  afterAll(() => compose('down', '--volumes', '--remove-orphans', '--rmi', 'local'))

  const nodes = async () => (await compose('ps', '--quiet', 'kvs')).split('\n')

  /** Of the log as a node sees it. */
  const askEach = async (path: string) =>
    Promise.all(
      (await nodes()).map((node) =>
        docker([
          'exec',
          node,
          'node',
          '-e',
          `fetch('http://127.0.0.1:8080${path}').then((a) => a.text()).then(console.log)`,
        ]),
      ),
    )

  test('every node has what was put through the balancer, byte for byte', async () => {
    await client.putPairs()
    await client.expectPairs('?consistent')
    expect(await nodes()).toHaveLength(3)
    expect(await askEach('/v1/key-a?consistent')).toEqual(['Test Pair 1', 'Test Pair 1', 'Test Pair 1'])
  })

  test('nodes that are restarted one by one, under load, cost no client an error', async () => {
    const call = startClient()
    const seen = { requests: 0, stale: 0, failed: [] as string[] }
    let isOver = false

    async function run(number: number): Promise<void> {
      let [newest, header] = [0n, '']
      for (let n = 0; !isOver; n++) {
        const method = n % 2 === 0 ? 'PUT' : 'GET'
        const headers: Record<string, string> = header ? { 'KVS-Min-Position': header } : {}
        const answer = await call(url, {
          method,
          path: `/v1/client-${number}`,
          headers,
          ...(method === 'PUT' && { body: `${n}` }),
        }).catch(String)
        seen.requests++
        if (typeof answer === 'string' || answer.status >= 300) {
          seen.failed.push(typeof answer === 'string' ? answer : `${method} ${answer.status} ${answer.body}`)
          continue
        }
        if (positionOf(answer) < newest) seen.stale++
        newest = positionOf(answer)
        header = answer.headers['kvs-position'] ?? ''
      }
    }

    const load = Promise.all(Array.from({ length: 16 }, (_, number) => run(number)))
    const before = await nodes()
    const { stdout } = await promisify(execFile)(`${root}compose/nodes/rolling-restart`, ['--project-name', project], {
      env: environment,
    })
    isOver = true
    await load
    expect(stdout.trim().split('\n')).toHaveLength(3)
    expect(await nodes()).toEqual(before)
    expect(seen.failed).toEqual([])
    expect(seen.stale).toBe(0)
    expect(seen.requests).toBeGreaterThan(1_000)
    await client.expectPairs()
  })

  test('with the log down the nodes go on behind the balancer; with one of them killed so do the others', async () => {
    await compose('kill', 'postgres')
    const accepted = await until('a write is spooled', async () => {
      const answer = await client.put('while-down', 'x')
      return answer.status === 202 && answer
    })
    expect(accepted.headers.get('kvs-durability')).toBe('spooled')
    await compose('start', 'postgres')
    await client.reaches('serving')
    await until(
      'the log has it',
      async () => (await (await client.request('/v1/while-down?consistent')).text()) === 'x',
    )

    const [first = ''] = await nodes()
    await docker(['kill', first])
    await until('the balancer has noticed', async () => {
      const answers = await Promise.all(Array.from({ length: 12 }, () => client.request('/v1/while-down?consistent')))
      return answers.every(({ status }) => status === 200)
    })
    await client.expectPairs()
    await docker(['start', first])
    await until(
      'all are there',
      async () => (await askEach('/v1/while-down').catch(() => [])).filter((body) => body === 'x').length === 3,
    )
  })
})
