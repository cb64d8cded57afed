import { execFile, execFileSync } from 'node:child_process'
import { createServer } from 'node:net'
import { promisify } from 'node:util'
import { describe, expect, test } from 'vitest'

const isRequired = process.env.CI === 'true' || process.env.KVS_REQUIRE_DOCKER === '1'

/**
 * A suite that needs Docker with Compose. Where that can't be used it is skipped with a line on stderr, or fails where
 * CI=true or KVS_REQUIRE_DOCKER=1 says that nothing may be skipped.
 */
export function describeWithDocker(name: string, suite: () => void): void {
  const obstacle = obstacleToDocker()
  if (obstacle === undefined) {
    describe(name, suite)
  } else if (isRequired) {
    describe(name, () => test('needs Docker', () => expect.fail(`Docker can’t be used: ${obstacle}`)))
  } else {
    process.stderr.write(`SKIPPED, since Docker can’t be used (${obstacle}): ${name}\n`)
    describe.skip(name, suite)
  }
}

function obstacleToDocker(): string | undefined {
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

/** What the docker command prints on stdout; rejects with what it says on stderr. */
export async function docker(args: string[], env: NodeJS.ProcessEnv = process.env): Promise<string> {
  const { stdout } = await promisify(execFile)('docker', args, { env, maxBuffer: 64 * 1024 * 1024 })
  return stdout.trim()
}

/** A TCP port of 127.0.0.1 that nobody has now, and that stays the same over a container's restarts. */
export async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await new Promise((resolve) => server.once('listening', resolve))
  const address = server.address()
  await new Promise((resolve) => server.close(resolve))
  if (address === null || typeof address === 'string') throw new Error('no TCP port')
  return address.port
}
