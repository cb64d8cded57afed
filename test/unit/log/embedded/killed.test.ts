import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { findBinaries } from '../../../../kvs/log/embedded/binaries.ts'
import { findLauncher, serverUser } from '../../../../kvs/log/embedded/launcher.ts'
import { cleanups, directory, home, leaveHome, make, makeHome, pidOf, query, warnings } from './embedded-home.ts'
import { gone, orphan } from './killed-servers.ts'

beforeEach(makeHome)
afterEach(leaveHome)

test('a killed server is started again, also while its backends still run, and has what was committed', async () => {
  const postgres = make()
  await postgres.ensureRunning()
  await query(postgres, 'CREATE TABLE t (n int)')
  for (let round = 1; round <= 3; round++) {
    const pid = pidOf(postgres)
    const busy = query(postgres, 'SELECT sum(sqrt(n)) FROM generate_series(1, 8000000) AS n').catch(() => undefined)
    await query(postgres, `INSERT INTO t VALUES (${round})`)
    process.kill(pid, 'SIGKILL')
    await vi.waitFor(() => expect(postgres.pid).toBeUndefined())
    await postgres.ensureRunning()
    await busy
    expect(postgres.pid).not.toBe(pid)
    expect(await query(postgres, 'SELECT count(*)::int FROM t')).toEqual([round])
  }
  expect(warnings).toHaveLength(3)
  expect(warnings[0]).toContain('SIGKILL')
})

test('a server whose node was killed is ended and replaced', async () => {
  const pid = await orphan()
  const postgres = make()
  await postgres.ensureRunning()
  await gone(pid)
  expect(postgres.pid).not.toBe(pid)
  expect(await query(postgres, 'SELECT n FROM t')).toEqual([7])
  expect(warnings).toEqual([expect.stringContaining(`pid ${pid}`)])
})

test('a stale lock whose pid is somebody else by now needs no hand, and that process lives on', async () => {
  const other = spawn('sleep', ['1000'], { stdio: 'ignore' })
  cleanups.push(() => other.kill('SIGKILL'))
  const postgres = make()
  await postgres.ensureRunning()
  await query(postgres, 'CREATE TABLE t AS SELECT 7 AS n')
  const lock = await readFile(join(directory, 'postmaster.pid'), 'utf8')
  const socketLock = join(postgres.connection.host, '.s.PGSQL.5432.lock')
  await postgres.stop()
  const stale = [`${other.pid}`, `-${other.pid}`].map((pid) => lock.replace(/^\d+/, pid))
  for (const content of [...stale, '', '999999999\n', '-999999999\n']) {
    await writeFile(join(directory, 'postmaster.pid'), content)
    await writeFile(socketLock, `${other.pid}\n${directory}\n`)
    await postgres.ensureRunning()
    expect(await query(postgres, 'SELECT n FROM t')).toEqual([7])
    await postgres.stop()
  }
  expect(other.exitCode ?? other.signalCode).toBeNull()
})

test('a single-user Postgres on the cluster is named, and keeps its lock', async () => {
  const postgres = make()
  await postgres.ensureRunning()
  await postgres.stop()
  const [installed, user] = await Promise.all([findBinaries(), serverUser(directory)])
  const { launch, binaries } = await findLauncher(user, installed, [home], async () => installed)
  const { file, args, options } = launch(binaries.postgres, ['--single', '-D', directory, 'kvs'])
  // The leader of a group, as in a terminal.
  const single = spawn(file, args, { ...options, detached: true, stdio: ['pipe', 'ignore', 'ignore'] })
  cleanups.push(() => single.kill('SIGKILL'))
  const lock = () => readFile(join(directory, 'postmaster.pid'), 'utf8')
  await vi.waitFor(async () => expect(await lock()).toMatch(new RegExp(`^-${single.pid}\n`)), { timeout: 10_000 })
  await expect(postgres.ensureRunning()).rejects.toThrow(`a single-user Postgres (pid ${single.pid}) is at work on`)
  expect(await lock()).toMatch(new RegExp(`^-${single.pid}\n`))
  single.stdin.end()
  await once(single, 'exit')
  await postgres.ensureRunning()
  expect(await query(postgres, 'SELECT 1')).toEqual([1])
})

test('a server that ends just before it is told to is no failure', async () => {
  const pid = await orphan()
  const kill = process.kill.bind(process)
  const spy = vi.spyOn(process, 'kill').mockImplementation((at, signal) => {
    if (at !== pid || signal !== 'SIGINT') return kill(at, signal)
    kill(at, 'SIGKILL')
    throw Object.assign(new Error('kill ESRCH'), { code: 'ESRCH' })
  })
  cleanups.push(() => spy.mockRestore())
  const postgres = make()
  await postgres.ensureRunning()
  expect(await query(postgres, 'SELECT n FROM t')).toEqual([7])
})
