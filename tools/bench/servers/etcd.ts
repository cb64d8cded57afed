import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { waitUntil } from '../../lab/polling.ts'
import { freePort } from '../../lab/ports.ts'
import { startProcess } from '../../lab/process.ts'
import { cpuOfTree } from '../measure/proc.ts'
import { untilListening } from './listening.ts'
import type { HttpServer } from './server.ts'

/** Starts one etcd member with its defaults, which flush every write, and the largest advised quota for its history. */
export async function startEtcd(binary: string, directory: string): Promise<HttpServer> {
  await mkdir(directory, { recursive: true })
  const [port, peerPort] = [await freePort(), await freePort()]
  const [client, peer] = [`http://127.0.0.1:${port}`, `http://127.0.0.1:${peerPort}`]
  const server = await startProcess({
    command: binary,
    args: [
      ...['--name', 'bench', '--data-dir', join(directory, 'data'), '--log-level', 'error'],
      ...['--listen-client-urls', client, '--advertise-client-urls', client],
      ...['--listen-peer-urls', peer, '--initial-advertise-peer-urls', peer, '--initial-cluster', `bench=${peer}`],
      ...['--quota-backend-bytes', String(8 * 1024 ** 3)],
    ],
    cwd: directory,
    ownGroup: true,
    outputFile: join(directory, 'etcd.log'),
  })
  await untilListening(port, server)
  await waitUntil('etcd has a leader', async () => (await fetch(`${client}/health`).catch(() => undefined))?.ok, {
    boundMs: 30_000,
  })
  return { api: 'etcd', port, cpu: () => ({ etcd: cpuOfTree(server.pid) }), stop: () => server.stop() }
}
