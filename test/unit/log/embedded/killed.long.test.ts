import { mkdir, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { directory, home, leaveHome, make, makeHome, query } from './embedded-home.ts'
import { gone, kill, orphan, spawnParent } from './killed-servers.ts'

beforeEach(makeHome)
afterEach(leaveHome)

const unfinished = (name: string) => name.startsWith('postgres.new-')

test('a server that will not end is killed after the milder signals', async () => {
  const pid = await orphan()
  process.kill(pid, 'SIGSTOP')
  const postgres = make()
  await postgres.ensureRunning()
  await gone(pid)
  expect(await query(postgres, 'SELECT n FROM t')).toEqual([7])
})

test('another Postgres whose pid a stale lock names is not touched', async () => {
  const other = make(join(home, 'other', 'postgres'))
  const postgres = make()
  await Promise.all([other.ensureRunning(), postgres.ensureRunning()])
  const lock = await readFile(join(directory, 'postmaster.pid'), 'utf8')
  await postgres.stop()
  await writeFile(join(directory, 'postmaster.pid'), lock.replace(/^\d+/, `${other.pid}`))
  await postgres.ensureRunning()
  expect(await query(other, 'SELECT 1')).toEqual([1])
})

test('an initdb cut short is done again', async () => {
  await mkdir(join(home, 'postgres.new-AbCdEf'))
  await writeFile(join(home, 'postgres.new-AbCdEf', 'PG_VERSION'), '18\n')
  const postgres = make()
  await postgres.ensureRunning()
  expect(await query(postgres, 'SELECT 1')).toEqual([1])
  expect((await readdir(home)).filter(unfinished)).toEqual([])
})

test('a node killed during its initdb, or before the database is made, hinders nobody', async () => {
  for (const sign of [unfinished, (name: string) => name === 'postgres', (name: string) => name === 'postgres.log']) {
    await rm(directory, { recursive: true, force: true })
    await rm(join(home, 'postgres.log'), { force: true })
    const parent = spawnParent()
    const seen = async () => expect((await readdir(home)).some(sign)).toBe(true)
    await vi.waitFor(seen, { timeout: 10_000, interval: 1 })
    await kill(parent)
    const postgres = make()
    await postgres.ensureRunning()
    expect(await query(postgres, 'SELECT 1')).toEqual([1])
    await postgres.stop()
    expect((await readdir(home)).filter(unfinished)).toEqual([])
  }
})
