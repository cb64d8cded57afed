import { randomUUID } from 'node:crypto'
import { docker } from '../../tools/lab/docker.ts'
import { freePort } from '../../tools/lab/ports.ts'
import { makeClient } from './client.ts'

export const id = `kvs-image-${randomUUID().slice(0, 8)}`
export const image = `${id}:one`
export const epoch = 1_790_000_000
export const labels = { VERSION: '1.2.3', REVISION: 'abc123', CREATED: '2026-09-21T14:13:20Z' }

export function build(tag: string, ...options: string[]) {
  const args = Object.entries({ ...labels, SOURCE_DATE_EPOCH: epoch }).map(([name, value]) => `${name}=${value}`)
  return docker(['build', '--quiet', '--tag', tag, ...options, ...args.flatMap((arg) => ['--build-arg', arg]), '.'])
}

export const inspect = (format: string, of = image) => docker(['inspect', '--format', format, of])

export async function withContainer(
  options: readonly string[],
  work: (container: string, url: string) => Promise<void>,
) {
  const port = await freePort()
  const container = await docker(['run', '--detach', '--publish', `127.0.0.1:${port}:8080`, ...options, image])
  try {
    await work(container, `http://127.0.0.1:${port}`)
  } catch (error) {
    throw new Error(`with ${options.join(' ')}:\n${await docker(['logs', container])}`, { cause: error })
  } finally {
    await docker(['rm', '--force', '--volumes', container])
  }
}

export async function keepsWhatItTook(container: string, url: string): Promise<void> {
  const client = makeClient(url)
  await client.reaches('serving')
  await client.putPairs()
  await docker(['kill', container])
  await docker(['start', container])
  await client.reaches('serving')
  await client.expectPairs()
}
