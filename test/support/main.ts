import { spawnSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'

const main = fileURLToPath(new URL('../../kvs/main.ts', import.meta.url))

/** Runs kvs/main.ts to its end, with these arguments and no settings but `env`. */
export function startMain(
  args: readonly string[],
  { cwd, env = {}, uid }: { cwd: string; env?: Record<string, string>; uid?: number },
) {
  const { status, stdout, stderr } = spawnSync(process.execPath, [main, ...args], {
    cwd,
    env: { PATH: process.env.PATH, ...env },
    encoding: 'utf8',
    timeout: 60_000,
    ...(uid !== undefined && { uid, gid: uid }),
  })
  return { status, stdout, stderr }
}
