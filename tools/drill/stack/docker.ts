import { execFile, execFileSync } from 'node:child_process'
import { randomInt, randomUUID } from 'node:crypto'
import { once } from 'node:events'
import { createServer } from 'node:net'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'

export const root = fileURLToPath(new URL('../../../', import.meta.url))

/** What the docker command prints on stdout; rejects with what it says on stderr. */
export async function docker(args: readonly string[], env: NodeJS.ProcessEnv = process.env): Promise<string> {
  const { stdout } = await promisify(execFile)('docker', args, { env, cwd: root, maxBuffer: 256 * 1024 * 1024 })
  return stdout.trim()
}

/** Why Docker with Compose can’t be used here; undefined where it can. */
export function obstacleToDocker(): string | undefined {
  try {
    execFileSync('docker', ['version'], { stdio: 'pipe', timeout: 30_000 })
    execFileSync('docker', ['compose', 'version'], { stdio: 'pipe', timeout: 30_000 })
    return undefined
  } catch (error) {
    const { code, stderr } = error as { code?: string; stderr?: Buffer }
    if (code === 'ENOENT') return 'there is no docker command'
    return stderr?.toString().trim().split('\n').at(-1) || String(error)
  }
}

export interface DrillImage {
  readonly name: string
  remove(): Promise<void>
}

/** The service's image with the drills' tools, from the working directory as it is; under a name of its own. */
export async function buildImage(): Promise<DrillImage> {
  const id = randomUUID().slice(0, 8)
  const [plain, name] = [`kvs-drill-${id}:plain`, `kvs-drill-${id}:drill`]
  await docker(['build', '--quiet', '--tag', plain, '.'])
  try {
    await docker(['build', '--quiet', '--build-arg', `KVS_IMAGE=${plain}`, '--tag', name, 'compose/drill'])
  } catch (error) {
    await docker(['rmi', plain])
    throw error
  }
  return { name, remove: async () => void (await docker(['rmi', name, plain])) }
}

/**
 * A TCP port of 127.0.0.1 that nobody has now, the first of so many in a row, and that stays the same over a container's
 * restarts: below those that systems give to connections of their own accord, which could have it while the container is
 * down.
 */
export async function freePort(inRow = 1): Promise<number> {
  for (;;) {
    const first = randomInt(10_000, 32_000)
    const ports = Array.from({ length: inRow }, (_, index) => first + index)
    const areFree = await Promise.all(ports.map(isFree))
    if (areFree.every(Boolean)) return first
  }
}

async function isFree(port: number): Promise<boolean> {
  const server = createServer()
  const isListening = once(server, 'listening').then(
    () => true,
    () => false,
  )
  server.listen(port, '127.0.0.1')
  if (!(await isListening)) return false
  server.close()
  await once(server, 'close')
  return true
}
