import { execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { copyFileSync, symlinkSync } from 'node:fs'
import { join } from 'node:path'
import { expect, onTestFinished, test, vi } from 'vitest'
import { root } from '../../../tools/lab/paths.ts'
import { embeddedPid, makeDirectory, serves } from '../../support/node.ts'
import { until } from '../../support/until.ts'

vi.setConfig({ testTimeout: 120_000 })

const isAlive = (pid: number) => {
  try {
    return process.kill(pid, 0)
  } catch {
    return false
  }
}

/** The project as it is, in a directory of the test's own, so that nobody's .env is read. */
function makeProject(): string {
  const directory = makeDirectory()
  copyFileSync(join(root, 'package.json'), join(directory, 'package.json'))
  for (const name of ['kvs', 'migrations', 'node_modules']) symlinkSync(join(root, name), join(directory, name))
  return directory
}

/** Starts it by a line of shell, which first prints `npm=PID`, and waits until it serves. */
async function start(line: string) {
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

type Started = Awaited<ReturnType<typeof start>>

const answers = ({ url }: Started) =>
  fetch(`${url}/livez`).then(
    ({ status }) => status === 200,
    () => false,
  )

async function endsWhole(started: Started): Promise<void> {
  await until('it has stopped', () => started.output().includes('"stopped"'))
  await until('its Postgres has ended', () => !isAlive(started.postgres))
  expect(await answers(started)).toBe(false)
}

test.each(['SIGTERM', 'SIGINT', 'SIGKILL'] as const)(
  '%s to npm ends the node, its port and its Postgres',
  async (signal) => {
    const started = await start('npm start & echo npm=$!; wait')
    expect(isAlive(started.npm) && isAlive(started.postgres)).toBe(true)
    expect((await fetch(`${started.url}/v1/a`, { method: 'PUT', body: 'x' })).status).toBe(201)
    process.kill(started.npm, signal)
    await endsWhole(started)
  },
)

test('no shell stands between npm and the node', async () => {
  const { npm } = await start('npm start & echo npm=$!; wait')
  const processes = execFileSync('ps', ['-A', '-o', 'ppid=,args='], { encoding: 'utf8' }).split('\n')
  const commands = processes.filter((line) => line.trim().startsWith(`${npm} `))
  expect(commands).toEqual([expect.stringMatching(/^\s*\d+ node .*kvs\/main\.ts$/)])
})

test('a node whose npm lives on outlives the shell that it was started from', async () => {
  const started = await start('npm start & echo npm=$!; exit')
  if (started.shell.exitCode === null) await once(started.shell, 'exit')
  expect((await fetch(`${started.url}/v1/a`, { method: 'PUT', body: 'x' })).status).toBe(201)
  expect(started.output()).not.toContain('finishing')
  process.kill(started.npm, 'SIGTERM')
  await endsWhole(started)
})

test('a node that npm did not start itself outlives its parent', async () => {
  const started = await start(`npm_lifecycle_event=test '${process.execPath}' kvs/main.ts & echo npm=$!; exit`)
  if (started.shell.exitCode === null) await once(started.shell, 'exit')
  expect((await fetch(`${started.url}/v1/a`, { method: 'PUT', body: 'x' })).status).toBe(201)
  expect(started.output()).not.toContain('finishing')
  process.kill(started.npm, 'SIGTERM')
  await endsWhole(started)
})
