import { execFileSync } from 'node:child_process'
import { once } from 'node:events'
import { expect, test, vi } from 'vitest'
import { endsWhole, start } from './npm-start.ts'

vi.setConfig({ testTimeout: 120_000 })

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
