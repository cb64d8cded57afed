import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdir, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { findBinaries } from '../../../../kvs/log/embedded/binaries.ts'
import { findLauncher, serverUser } from '../../../../kvs/log/embedded/launcher.ts'
import { alive, cleanups, directory, home, leaveHome, make, makeHome, pidOf, query, warnings } from './embedded-home.ts'

beforeEach(makeHome)
afterEach(leaveHome)

const unfinished = (name: string) => name.startsWith('postgres.new-')

const gone = (pid: number) => vi.waitFor(() => expect(alive(pid)).toBe(false), { timeout: 10_000, interval: 20 })

/** A node of its own, to be killed; whatever it leaves running is ended after the test. */
function spawnParent() {
  const script = join(import.meta.dirname, 'fixtures/embedded-parent.ts')
  const parent = spawn(process.execPath, [script, directory], { stdio: ['ignore', 'pipe', 'inherit'] })
  cleanups.push(async () => {
    await kill(parent)
    const successor = make()
    await successor.ensureRunning()
    await successor.stop()
  })
  return parent
}

async function kill(parent: ChildProcess): Promise<void> {
  if (parent.exitCode !== null || parent.signalCode !== null) return
  parent.kill('SIGKILL')
  await once(parent, 'exit')
}

/** The pid of the server that a node leaves when it is killed. */
async function orphan(): Promise<number> {
  const parent = spawnParent()
  const [line] = await once(createInterface({ input: parent.stdout }), 'line')
  await query(make(), 'CREATE TABLE t AS SELECT 7 AS n')
  await kill(parent)
  expect(alive(Number(line))).toBe(true)
  return Number(line)
}

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

test('a server that will not end is killed after the milder signals', async () => {
  const pid = await orphan()
  process.kill(pid, 'SIGSTOP')
  const postgres = make()
  await postgres.ensureRunning()
  await gone(pid)
  expect(await query(postgres, 'SELECT n FROM t')).toEqual([7])
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
