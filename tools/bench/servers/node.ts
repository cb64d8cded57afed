import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { freePort } from '../../drill/stack/docker.ts'
import { waitUntil } from '../../drill/wait.ts'
import { cpuOf, cpuOfTree } from '../measure/proc.ts'
import type { Postgres } from './postgres.ts'
import { type Process, startProcess } from './process.ts'
import { untilListening } from './program.ts'
import type { HttpServer } from './server.ts'
import { readStartScript } from './start-script.ts'

const main = fileURLToPath(new URL('../../../kvs/main.ts', import.meta.url))

/** A node of several on one Postgres, which is shared and not counted as its own. */
export async function startNode(
  { environment }: Pick<Postgres, 'environment'>,
  directory: string,
): Promise<HttpServer> {
  const { PGHOST = '', PGPORT = '', PGUSER = '', PGDATABASE = '' } = environment
  return startService(directory, {
    POSTGRES_HOST: PGHOST,
    POSTGRES_PORT: PGPORT,
    POSTGRES_USER: PGUSER,
    POSTGRES_DB: PGDATABASE,
  })
}

/** A node that holds nothing, and forwards to another one. */
export function startForwarder(target: Pick<HttpServer, 'port'>, directory: string): Promise<HttpServer> {
  return startService(directory, { FORWARDING_ADDRESS: `127.0.0.1:${target.port}` })
}

async function startService(directory: string, env: Readonly<Record<string, string>>): Promise<HttpServer> {
  await mkdir(directory, { recursive: true })
  const port = await freePort()
  const script = readStartScript()
  const service = await startProcess({
    command: process.execPath,
    args: [...script.node, main],
    cwd: directory,
    env: {
      ...{ PATH: process.env.PATH, ...script.env, PORT: String(port), KVS_DATA_DIR: join(directory, 'data') },
      ...env,
    },
    output: join(directory, 'kvs.log'),
  })
  await untilReady(port, service)
  return { api: 'kvs', port, cpu: () => ({ node: cpuOf(service.pid) }), stop: () => service.stop() }
}

/** HAProxy over the nodes, without checks: none of them ends here. */
export async function startBalancer(
  binary: string,
  nodes: readonly Pick<HttpServer, 'port'>[],
  directory: string,
): Promise<HttpServer> {
  await mkdir(directory, { recursive: true })
  const port = await freePort()
  const file = join(directory, 'haproxy.cfg')
  await writeFile(file, configOf(port, nodes))
  const balancer = await startProcess({
    command: binary,
    args: ['-W', '-db', '-f', file],
    cwd: directory,
    output: join(directory, 'haproxy.log'),
  })
  await untilListening(port, balancer)
  return { api: 'kvs', port, cpu: () => ({ haproxy: cpuOfTree(balancer.pid) }), stop: () => balancer.stop() }
}

function configOf(port: number, nodes: readonly Pick<HttpServer, 'port'>[]): string {
  return `
global
  nbthread 1
defaults
  mode http
  timeout connect 1s
  timeout client 100s
  timeout server 100s
frontend http
  bind 127.0.0.1:${port}
  default_backend nodes
backend nodes
  balance leastconn
${nodes.map((node, number) => `  server node${number} 127.0.0.1:${node.port}`).join('\n')}
`
}

function untilReady(port: number, service: Process): Promise<unknown> {
  const isReady = async () => (await fetch(`http://127.0.0.1:${port}/readyz`).catch(() => undefined))?.ok
  return waitUntil('the node is ready', () => service.requireRunning() ?? isReady(), { boundMs: 60_000 })
}
