import { spawn } from 'node:child_process'
import { copyFileSync, symlinkSync } from 'node:fs'
import { join } from 'node:path'
import { expect, onTestFinished } from 'vitest'
import { root } from '../../../tools/lab/paths.ts'
import { embeddedPid, makeDirectory, serves } from '../../support/node.ts'
import { until } from '../../support/until.ts'

export const isAlive = (pid: number) => {
  try {
    return process.kill(pid, 0)
  } catch {
    return false
  }
}

/** The project as it is, in a directory of the test's own, so that nobody's .env is read. */
export function makeProject(): string {
  const directory = makeDirectory()
  copyFileSync(join(root, 'package.json'), join(directory, 'package.json'))
  for (const name of ['kvs', 'migrations', 'node_modules']) symlinkSync(join(root, name), join(directory, name))
  return directory
}

/** Starts it by a line of shell, which first prints `npm=PID`, and waits until it serves. */
export async function start(line: string) {
  const directory = makeProject()
  const env = { PATH: process.env.PATH, HOME: directory, PORT: '0', KVS_DATA_DIR: join(directory, 'data') }
  const shell = spawn('sh', ['-c', line], { cwd: directory, env, detached: true, stdio: ['ignore', 'pipe', 'pipe'] })
  let output = ''
  for (const stream of [shell.stdout, shell.stderr]) stream.on('data', (chunk) => (output += chunk))
  const group = shell.pid ?? Number.NaN
  onTestFinished(() => {
    for (const pid of [-group, embeddedPid(directory)]) {
      try {
        if (pid !== undefined) process.kill(pid, 'SIGKILL')
      } catch {
        // it has ended
      }
    }
  })
  const url = await until('it listens', () => /listening on (http:\/\/[^"\s]+)/.exec(output)?.[1], 60_000)
  await serves({ url })
  const npm = Number(/^npm=(\d+)$/m.exec(output)?.[1])
  const postgres = embeddedPid(directory) ?? Number.NaN
  return { shell, url, npm, postgres, output: () => output }
}

export type Started = Awaited<ReturnType<typeof start>>

export const answers = ({ url }: Started) =>
  fetch(`${url}/livez`).then(
    ({ status }) => status === 200,
    () => false,
  )

export async function endsWhole(started: Started): Promise<void> {
  await until('it has stopped', () => started.output().includes('"stopped"'))
  await until('its Postgres has ended', () => !isAlive(started.postgres))
  expect(await answers(started)).toBe(false)
}
