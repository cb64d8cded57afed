import { mkdir } from 'node:fs/promises'
import { connect } from 'node:net'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { freePort } from '../../drill/stack/docker.ts'
import { waitUntil } from '../../drill/wait.ts'
import { cpuOfTree } from '../measure/proc.ts'
import { type Process, startProcess } from './process.ts'
import type { HttpServer } from './server.ts'
import { readStartScript } from './start-script.ts'

/** A program of this folder that serves HTTP on PORT. */
export async function startProgram(
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
    output: join(directory, `${name}.log`),
  })
  await untilListening(port, program)
  return { api: 'kvs', port, cpu: () => ({ node: cpuOfTree(program.pid) }), stop: () => program.stop() }
}

export async function untilListening(port: number, program: Process): Promise<void> {
  try {
    await waitUntil(`something listens on port ${port}`, () => program.requireRunning() ?? accepts(port), {
      boundMs: 60_000,
    })
  } catch (error) {
    await program.stop()
    throw error
  }
}

function accepts(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1')
    socket.on('error', () => resolve(false))
    socket.on('connect', () => {
      socket.destroy()
      resolve(true)
    })
  })
}
