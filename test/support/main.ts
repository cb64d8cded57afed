import { execFile, spawnSync } from 'node:child_process'
import { serviceProgram } from '../../tools/lab/paths.ts'

export interface MainOptions {
  readonly cwd: string
  readonly env?: Record<string, string>
  readonly uid?: number
}

/** Runs kvs/main.ts to its end, with these arguments and no settings but `env`. */
export function startMain(args: readonly string[], { cwd, env = {}, uid }: MainOptions) {
  const { status, stdout, stderr } = spawnSync(process.execPath, [serviceProgram, ...args], {
    cwd,
    env: { PATH: process.env.PATH, ...env },
    encoding: 'utf8',
    timeout: 60_000,
    ...(uid !== undefined && { uid, gid: uid }),
  })
  return { status, stdout, stderr }
}

/** The same, while this process goes on, as it has to where it is asked something by the other. */
export function startMainBeside(args: readonly string[], { cwd, env = {} }: MainOptions) {
  return new Promise<{ status: number | null; stdout: string; stderr: string }>((resolve) => {
    const options = { cwd, env: { PATH: process.env.PATH, ...env }, timeout: 60_000 }
    const child = execFile(process.execPath, [serviceProgram, ...args], options, (_, stdout, stderr) => {
      resolve({ status: child.exitCode, stdout, stderr })
    })
  })
}
