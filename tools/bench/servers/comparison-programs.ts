import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { freePort } from '../../lab/ports.ts'
import { startProcess } from '../../lab/process.ts'
import { readStartScript } from '../../lab/start-script.ts'
import { cpuOfTree } from '../measure/proc.ts'
import { untilListening } from './listening.ts'
import type { HttpServer } from './server.ts'

/** Starts a program of this folder that serves HTTP on PORT, as `npm start` would run it. */
export async function startComparison(
  name: 'bare' | 'without-log',
  directory: string,
  env: Readonly<Record<string, string>> = {},
): Promise<HttpServer> {
  await mkdir(directory, { recursive: true })
  const port = await freePort()
  const script = readStartScript()
  const program = await startProcess({
    command: process.execPath,
    args: [...script.node, fileURLToPath(new URL(`${name}-main.ts`, import.meta.url))],
    cwd: directory,
    env: { PATH: process.env.PATH, ...script.env, PORT: String(port), ...env },
    ownGroup: true,
    outputFile: join(directory, `${name}.log`),
  })
  await untilListening(port, program)
  return { api: 'kvs', port, cpu: () => ({ node: cpuOfTree(program.pid) }), stop: () => program.stop() }
}
