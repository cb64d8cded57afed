import { execFile } from 'node:child_process'
import { randomInt, randomUUID } from 'node:crypto'
import { request } from 'node:http'
import { setTimeout as sleep } from 'node:timers/promises'
import { promisify } from 'node:util'
import { docker } from '../../tools/lab/docker.ts'
import { root } from '../../tools/lab/paths.ts'
import { freePort } from '../../tools/lab/ports.ts'
import { makeNetwork } from '../../tools/lab/subnet.ts'
import { until } from '../support/until.ts'
import { documented } from './documented.ts'
import { buildFrom } from './image.ts'

/** How long the assignment's script waits between its last `docker run` and its first request. */
const patienceMs = 5_000

/** How long the assignment's script waits for an answer. */
const answerMs = 5_000

export interface Answer {
  readonly status: number
  readonly payload: string
  readonly [name: string]: unknown
}

export interface AssignmentNode {
  readonly name: string
  /** In the network that the nodes share. */
  readonly address: string
  /** Sends a form as the body, whatever the method. Rejects where the answer takes longer than 5 s. */
  ask(method: string, path: string, form?: string): Promise<Answer>
  put(key: string, value: string, payload?: string): Promise<Answer>
  get(key: string, payload?: string): Promise<Answer>
  remove(key: string, payload?: string): Promise<Answer>
  search(key: string, payload?: string): Promise<Answer>
  /** Whether it serves and follows all the others that it knows of. */
  follows(): Promise<boolean>
}

/** A way to part two nodes that leaves both reachable for clients. Returns what heals it. */
export type Cut = (one: AssignmentNode, other: AssignmentNode) => Promise<() => Promise<void>>

export interface Assignment {
  /**
   * Starts fresh containers, by the documented commands, in the place of those there were. Waits as long as the
   * assignment's script does.
   */
  start(count: number): Promise<AssignmentNode[]>
  /** Starts the third container beside two, told of all three. */
  startThird(): Promise<AssignmentNode>
  /** Takes the second one out of the common network. */
  disconnect: Cut
  /** Has the packets between the two vanish. */
  dropPackets: Cut
  end(): Promise<void>
}

/** Builds the image and makes the network. */
export async function prepareAssignment(): Promise<Assignment> {
  const id = `kvs-hw-${randomUUID().slice(0, 8)}`
  const tools = `${id}-tools`
  const own = { asg3img: id, viewnet: `${id}-net`, 'replica-': `${id}-` }
  await runDocumented('docker build', own)
  await buildFrom(
    'FROM debian:trixie-slim\nRUN apt-get update -qq && apt-get install -y -qq iptables >/dev/null\n',
    tools,
  )
  const subnet = await makeNetwork(
    () => `10.${randomInt(64, 250)}`,
    (drawn) => runDocumented('docker network create --subnet', { ...own, '10.20': drawn }),
  )
  const names = { ...own, '10.20': subnet }
  const started: string[] = []
  const networks = [`${id}-net`]

  async function removeStarted(): Promise<void> {
    if (started.length > 0) await docker(['rm', '--force', '--volumes', ...started.splice(0)])
  }

  async function run(number: number, count: number): Promise<AssignmentNode> {
    const [published, name, address] = [8081 + number, `${id}-${number}`, `${subnet}.0.${1 + number}`]
    const port = await freePort()
    const told =
      number < 3 && count === 3 ? { [`${subnet}.0.3:8080 -e`]: `${subnet}.0.3:8080,${subnet}.0.4:8080 -e` } : {}
    started.push(name)
    const ports = { [`${published}:`]: `127.0.0.1:${port}:` }
    await runDocumented(`docker run -d -p ${published}:8080`, { ...names, ...ports, ...told })
    return makeNode(name, `${address}:8080`, port)
  }

  return {
    async start(count) {
      await removeStarted()
      const nodes: AssignmentNode[] = []
      for (let number = 1; number <= count; number++) nodes.push(await run(number, count))
      await ready(nodes)
      return nodes
    },
    async startThird() {
      const node = await run(3, 3)
      await ready([node])
      return node
    },
    async disconnect(_, { name, address }) {
      const alone = { ...names, [`${id}-2-alone`]: `${name}-alone` }
      networks.push(`${name}-alone`)
      await runDocumented('docker network create replica-2-alone', alone)
      await runDocumented('docker network connect replica-2-alone', alone)
      await runDocumented('docker network disconnect', alone)
      if (address !== `${subnet}.0.3:8080`) throw new Error('the documented one is the second node')
      return () => runDocumented('docker network connect --ip', alone)
    },
    async dropPackets(one, { address }) {
      const [host = ''] = address.split(':')
      const rules = (action: string) =>
        [`INPUT --source ${host}`, `OUTPUT --destination ${host}`]
          .map((rule) => `iptables --wait ${action} ${rule} --jump DROP`)
          .join(' && ')
      const shell = ['run', '--rm', `--net=container:${one.name}`, '--cap-add=NET_ADMIN', tools, 'sh', '-c']
      await docker([...shell, rules('--append')])
      return async () => void (await docker([...shell, rules('--delete')]))
    },
    async end() {
      await removeStarted()
      for (const network of networks) await docker(['network', 'rm', network]).catch(() => undefined)
      await docker(['rmi', '--force', id, tools]).catch(() => undefined)
    },
  }
}

/** Runs a command as docs/replicas.md has it; only what somebody else may have by that name is the test's own. */
async function runDocumented(command: string, names: Readonly<Record<string, string>>): Promise<void> {
  const line = documented(command, names, 'docs/replicas.md')
  await promisify(execFile)('sh', ['-c', line], { cwd: root, maxBuffer: 64 * 1024 * 1024 })
}

/** As long as the script waits, and longer only where the machine is too busy for a start in that time. */
async function ready(nodes: readonly AssignmentNode[]): Promise<void> {
  await sleep(patienceMs)
  const began = performance.now()
  for (const { name, follows } of nodes) await until(`${name} follows the others`, follows, 60_000)
  const late = Math.round(performance.now() - began)
  if (late > 500) process.stderr.write(`the nodes were ready ${late} ms later than the assignment’s script begins\n`)
}

function makeNode(name: string, address: string, port: number): AssignmentNode {
  const ask = (method: string, path: string, form = '') => askOnce(port, method, path, form)
  const on =
    (method: string, path: string) =>
    (key: string, payload = '') =>
      ask(method, `${path}/${key}`, `payload=${encodeURIComponent(payload)}`)
  return {
    ...{ name, address, ask },
    put: (key, value, payload = '') =>
      ask('PUT', `/keyValue-store/${key}`, `val=${encodeURIComponent(value)}&payload=${encodeURIComponent(payload)}`),
    get: on('GET', '/keyValue-store'),
    remove: on('DELETE', '/keyValue-store'),
    search: on('GET', '/keyValue-store/search'),
    follows: () => ask('GET', '/readyz').then(isFollowing, () => false),
  }
}

function isFollowing({ status, sites }: Answer): boolean {
  const { peers = [] } = (sites ?? {}) as { peers?: readonly { state: string }[] }
  return status === 200 && peers.every(({ state }) => state === 'following')
}

/** One request on a connection of its own, as the script's are. */
function askOnce(port: number, method: string, path: string, form: string): Promise<Answer> {
  const headers = {
    'Content-Type': 'application/x-www-form-urlencoded',
    'Content-Length': String(Buffer.byteLength(form)),
  }
  const signal = AbortSignal.timeout(answerMs)
  const options = { host: '127.0.0.1', port, method, path, headers, agent: false, signal } as const
  return new Promise((resolve, reject) => {
    const sent = request(options, (answer) => {
      let text = ''
      answer.setEncoding('utf8')
      answer.on('data', (chunk) => (text += chunk))
      answer.on('error', reject)
      answer.on('end', () => resolve({ status: answer.statusCode ?? 0, ...JSON.parse(text) }))
    })
    sent.on('error', (error) => reject(new Error(`${method} ${path}: ${error.message}`, { cause: error })))
    sent.end(form)
  })
}
