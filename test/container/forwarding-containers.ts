import { randomInt, randomUUID } from 'node:crypto'
import { afterAll, beforeAll } from 'vitest'
import { docker } from '../../tools/lab/docker.ts'
import { freePort } from '../../tools/lab/ports.ts'
import { makeNetwork } from '../../tools/lab/subnet.ts'
import { until } from '../support/until.ts'
import { type Client, makeClient } from './client.ts'

export const id = `kvs-forwarding-${randomUUID().slice(0, 8)}`
export const cannotForward = [503, '{"error":"Cannot forward request"}']

export const isReady = ({ request }: Client) =>
  until('it is ready', async () => (await request('/readyz').catch(() => undefined))?.status === 200, 120_000)

export const put = ({ request }: Client, key: string, body: string | undefined) =>
  request(`/kvs/${key}`, { method: 'PUT', headers: { 'Content-Type': 'application/json' }, ...(body && { body }) })
export const get = ({ request }: Client, key: string) => request(`/kvs/${key}`)
export const remove = ({ request }: Client, key: string) => request(`/kvs/${key}`, { method: 'DELETE' })
export const seen = async (answer: Promise<Response>) => [(await answer).status, await (await answer).text()]

/** The containers of a test file, ready; `main` serves, and the others forward to it. */
export interface Containers {
  readonly main: Client
  readonly first: Client
  /** Gives up on a request after two seconds. */
  readonly second: Client
}

/** Builds the image and runs its containers for the suite that this is called in. */
export function runContainers(): Containers {
  const clients = {} as { -readonly [name in keyof Containers]: Client }
  const containers: string[] = []

  async function run(name: string, subnet: string, host: number, ...settings: string[]): Promise<Client> {
    const port = await freePort()
    const place = ['--net', id, '--ip', `${subnet}.${host}`, '--publish', `127.0.0.1:${port}:8090`]
    const env = ['PORT=8090', ...settings].flatMap((setting) => ['--env', setting])
    await docker(['run', '--detach', '--name', `${id}-${name}`, ...place, ...env, id])
    containers.push(`${id}-${name}`)
    return makeClient(`http://127.0.0.1:${port}`)
  }

  beforeAll(async () => {
    await docker(['build', '--quiet', '--tag', id, '.'])
    const subnet = await makeNetwork(
      () => `10.10.${randomInt(256)}`,
      (subnet) => docker(['network', 'create', `--subnet=${subnet}.0/24`, id]),
    )
    const target = `FORWARDING_ADDRESS=${subnet}.2:8090`
    clients.main = await run('main', subnet, 2)
    clients.first = await run('first', subnet, 3, target)
    clients.second = await run('second', subnet, 4, target, 'KVS_FORWARD_TIMEOUT=2s')
    await Promise.all(Object.values(clients).map(isReady))
  })

  afterAll(async () => {
    if (containers.length > 0) await docker(['rm', '--force', '--volumes', ...containers])
    await docker(['network', 'rm', id]).catch(() => undefined)
    await docker(['rmi', id]).catch(() => undefined)
  })

  return clients
}
