import { execFileSync } from 'node:child_process'
import { cpSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { embeddedPid, makeDirectory, startReadyNode } from '../../support/node.ts'
import { until } from '../../support/until.ts'

test('the directory of a node that has stopped, copied with its embedded log and its spool, is a backup', async () => {
  const directory = makeDirectory()
  const node = await startReadyNode(directory, { POSTGRES_TIMEOUT: '1s' })
  const put = (key: string) => fetch(`${node.url}/v1/${key}`, { method: 'PUT', body: key })
  expect((await put('committed')).status).toBe(201)
  const server = embeddedPid(directory)
  if (server === undefined) throw new Error('there is no embedded Postgres')
  const processes = [server, ...childrenOf(server)]
  for (const pid of processes) process.kill(pid, 'SIGSTOP')
  expect((await put('spooled')).status).toBe(202)
  node.kill('SIGKILL')
  await node.ended
  for (const pid of processes) process.kill(pid, 'SIGKILL')
  for (const pid of processes) await until('it has ended', () => !isAlive(pid))

  const elsewhere = makeDirectory()
  cpSync(join(directory, 'data'), join(elsewhere, 'data'), { recursive: true, preserveTimestamps: true })
  const restored = await startReadyNode(elsewhere)
  for (const key of ['committed', 'spooled']) {
    expect(await (await fetch(`${restored.url}/v1/${key}`)).text()).toBe(key)
  }
  expect((await fetch(`${restored.url}/v1/new`, { method: 'PUT', body: 'x' })).status).toBe(201)
})

function childrenOf(parent: number): number[] {
  const rows = execFileSync('ps', ['-A', '-o', 'pid=,ppid='], { encoding: 'utf8' }).trim().split('\n')
  const pairs = rows.map((row) => row.trim().split(/\s+/).map(Number))
  return pairs.flatMap(([pid, ppid]) => (ppid === parent && pid !== undefined ? [pid] : []))
}

function isAlive(pid: number): boolean {
  try {
    return process.kill(pid, 0)
  } catch {
    return false
  }
}
