import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { makeDatabase } from '../../support/database.ts'
import { put } from '../../support/entries.ts'
import { startMain } from '../../support/main.ts'
import { makeDirectory, startReadyNode, toEnvironment } from '../../support/node.ts'
import { leaveSlot } from '../../support/slots.ts'

test('--check finds the embedded log without starting it', async () => {
  const cwd = makeDirectory()
  const before = startMain(['--check'], { cwd })
  expect(before.stdout).toMatch(/^log: embedded Postgres \d+, no log yet, which a start makes$/m)
  expect([before.status, readdirSync(cwd)]).toEqual([0, []])

  const node = await startReadyNode(cwd)
  const running = startMain(['--check'], { cwd })
  expect(running.stdout).toMatch(/^data directory: .* is in use by a node that runs$/m)
  expect(running.stdout).toMatch(/^log: embedded Postgres \d+, a log in .*data\/postgres$/m)
  node.kill('SIGTERM')
  await node.ended
  const stopped = startMain(['--check'], { cwd })
  expect(stopped.stdout).toMatch(/^data directory: .*data can be used$/m)
  expect([running.status, stopped.status]).toEqual([0, 0])
  expect(existsSync(join(cwd, 'data', 'postgres', 'postmaster.pid'))).toBe(false)

  writeFileSync(join(cwd, 'data', 'postgres', 'PG_VERSION'), '12\n')
  const other = startMain(['--check'], { cwd })
  expect(other.stdout).toMatch(/^log: NOT USABLE: the cluster in .* was made by Postgres 12/m)
  expect(other.status).toBe(78)
})

test('--check finds a spool that can’t be read, with which no start would go on', async () => {
  const { target } = await makeDatabase()
  const cwd = makeDirectory()
  const path = join(cwd, 'data')
  const check = () => startMain(['--check'], { cwd, env: toEnvironment(target) })
  await leaveSlot(path, [put('a')], { logId: 'cafe0123', sequence: 7n, digest: Buffer.from('12345678') })
  expect(check()).toMatchObject({ status: 0, stdout: expect.stringMatching(/^data directory: .*data can be used$/m) })

  writeFileSync(join(path, 'spool.db'), 'no database at all')
  const broken = check()
  expect(broken.stdout).toMatch(
    /^data directory: NOT USABLE: the spool .*spool.db can’t be read \(.*\); it may hold writes/m,
  )
  expect(broken.status).toBe(78)
  expect(readFileSync(join(path, 'spool.db'), 'utf8')).toBe('no database at all')
  expect(startMain([], { cwd, env: toEnvironment(target) }).status).toBe(1)

  // a start goes on with another slot, and warns
  await leaveSlot(join(path, 'slots', '2'), [], { logId: 'cafe0123', sequence: 7n, digest: Buffer.from('12345678') })
  expect(check().status).toBe(0)
})
