import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { freePort } from '../../lab/ports.ts'
import { startProcess } from '../../lab/process.ts'
import { cpuOfTree } from '../measure/proc.ts'
import { untilListening } from './listening.ts'
import type { HttpServer } from './server.ts'

/** Starts HAProxy over the nodes, without health checks: no node ends while it is measured. */
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
    ownGroup: true,
    outputFile: join(directory, 'haproxy.log'),
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
