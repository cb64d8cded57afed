import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { chmodSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { onTestFinished } from 'vitest'

export const main = fileURLToPath(new URL('../../../tools/drill/main.ts', import.meta.url))

/** `npm run drill -- …`, with a directory of its own for all that it leaves. */
export function drill(args: readonly string[], env: NodeJS.ProcessEnv = {}) {
  const directory = mkdtempSync(join(tmpdir(), 'drillrun-'))
  chmodSync(directory, 0o755) // for the user that Postgres runs as
  onTestFinished(() => rmSync(directory, { recursive: true, force: true }))
  const child = spawn(process.execPath, [main, ...args], {
    cwd: directory,
    env: { PATH: process.env.PATH, TMPDIR: directory, ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  onTestFinished(() => void child.kill('SIGKILL'))
  let stdout = ''
  let stderr = ''
  child.stdout.on('data', (chunk) => (stdout += chunk))
  child.stderr.on('data', (chunk) => (stderr += chunk))
  const ended = once(child, 'close').then(([code]) => ({ code, stdout, stderr }))
  return { child, directory, ended, stderr: () => stderr }
}
