import { execFile, execFileSync } from 'node:child_process'
import { promisify } from 'node:util'
import { root } from './paths.ts'

/** Runs the docker command in the project's root and returns its stdout, trimmed. Rejects with its stderr. */
export async function docker(args: readonly string[], env: NodeJS.ProcessEnv = process.env): Promise<string> {
  const { stdout } = await promisify(execFile)('docker', args, { env, cwd: root, maxBuffer: 256 * 1024 * 1024 })
  return stdout.trim()
}

/** Says why Docker with Compose cannot be used here; undefined if it can. */
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
