import { execFile } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { makeDirectory, startNode } from '../../support/node.ts'
import { startTarget } from '../../unit/forward/serve.ts'

export const healthcheck = fileURLToPath(new URL('../../../kvs/healthcheck.ts', import.meta.url))

/** Starts a forwarding node there, which is ready at once, and gives where it says that it listens. */
export async function startAt(KVS_HOST: string): Promise<string> {
  const { port } = await startTarget((_, response) => response.end('{}'))
  const env = { KVS_HOST, KVS_ALLOW_ANONYMOUS: 'true', FORWARDING_ADDRESS: `127.0.0.1:${port}` }
  return (await startNode(makeDirectory(), env)).url
}

/** The exit code of the image's health check, with the settings of a node that listens there. */
export function check(KVS_HOST: string, url: string): Promise<number | null> {
  const env = { PATH: process.env.PATH, KVS_HOST, PORT: new URL(url).port }
  return new Promise((resolve) => {
    const child = execFile(process.execPath, [healthcheck], { env, timeout: 30_000 }, () => resolve(child.exitCode))
  })
}
