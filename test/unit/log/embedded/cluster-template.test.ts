import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import fs, { existsSync, readlinkSync } from 'node:fs'
import { chmod, mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { syncBuiltinESMExports } from 'node:module'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, beforeEach, expect, test, vi } from 'vitest'
import { makeTemplate } from '../../../../compose/cluster-template.ts'
import { readTemplate, unpackTemplate } from '../../../../kvs/log/embedded/cluster-template.ts'
import { crc32c } from '../../../../kvs/log/embedded/crc32c.ts'
import { type EmbeddedPostgres, makeEmbeddedPostgres } from '../../../../kvs/log/embedded/embedded-postgres.ts'
import { until } from '../../../support/until.ts'
import { cleanups, directory, home, leaveHome, makeHome, pidOf, query } from './embedded-home.ts'

vi.setConfig({ testTimeout: 120_000, hookTimeout: 120_000 })

let workshop: string
let templateFile: string

beforeAll(async () => {
  workshop = await mkdtemp(join(tmpdir(), 'kvs-template-'))
  await chmod(workshop, 0o755)
  templateFile = join(workshop, 'cluster.template')
  await writeFile(templateFile, await makeTemplate(join(workshop, 'postgres')))
})
afterAll(() => rm(workshop, { recursive: true, force: true }))
beforeEach(makeHome)
afterEach(leaveHome)

const unfinished = (name: string) => name.startsWith('postgres.new-')

function make(at = directory, template = templateFile): EmbeddedPostgres {
  const quiet = { info() {}, debug() {}, warn() {} }
  const postgres = makeEmbeddedPostgres({ directory: at, templateFile: template, log: quiet })
  cleanups.push(() => postgres.stop())
  return postgres
}

async function identityOf(at: string) {
  const control = await readFile(join(at, 'global/pg_control'))
  return { systemIdentifier: control.readBigUInt64LE(), nonce: control.toString('hex', 257, 257 + 32) }
}

/** Of the server's log, all that is above LOG. */
const complaintsOf = async (at: string) =>
  (await readFile(join(at, '..', 'postgres.log'), 'utf8')).match(/^.*(WARNING|ERROR|FATAL|PANIC|invalid).*$/gm) ?? []

test('two made by the same binaries are the same, byte for byte', async () => {
  const again = await makeTemplate(join(workshop, 'again'))
  expect(again.equals(await readFile(templateFile))).toBe(true)
})

test('an unpacked cluster takes SQL, has the service’s database and checksums, and is for us alone', async () => {
  const postgres = make()
  await postgres.ensureRunning()
  expect(await query(postgres, 'SELECT datname::text FROM pg_database')).toEqual(['kvs'])
  const settings = ['data_checksums', 'server_encoding', 'fsync'].map((name) => `current_setting('${name}')`)
  expect(await query(postgres, `SELECT ${settings.join()}`)).toEqual(['on', 'UTF8', 'on'])
  expect((await stat(directory)).mode & 0o777).toBe(0o700)
  for (const name of await readdir(directory, { recursive: true }))
    expect((await stat(join(directory, name))).mode & 0o077, name).toBe(0)
  // Every page of every relation, each with its checksum.
  await query(postgres, 'VACUUM (FREEZE, DISABLE_PAGE_SKIPPING)')
  await postgres.stop()
  expect(await complaintsOf(directory)).toEqual([])
})

test('each has an identity of its own, which the server and every segment of its log go by', async () => {
  const places = ['one', 'two', 'three'].map((name) => join(home, name, 'postgres'))
  const servers = places.map((at) => make(at))
  await Promise.all(servers.map((server) => server.ensureRunning()))
  for (const [index, server] of servers.entries()) {
    const { systemIdentifier } = await identityOf(places[index] ?? '')
    expect(await query(server, 'SELECT system_identifier::text FROM pg_control_system()')).toEqual([
      String(systemIdentifier),
    ])
  }
  const identities = await Promise.all(places.map(identityOf))
  expect(new Set(identities.map(({ systemIdentifier }) => systemIdentifier)).size).toBe(3)
  expect(new Set(identities.map(({ nonce }) => nonce)).size).toBe(3)

  const [server, at = '', identity] = [servers[0], places[0], identities[0]]
  if (server === undefined) throw new Error('no server')
  for (let round = 0; round < 2; round++) {
    await query(server, `CREATE TABLE round${round} AS SELECT 1`)
    await query(server, 'SELECT pg_switch_wal()::text')
  }
  const segments = (await readdir(join(at, 'pg_wal'))).filter((name) => /^[0-9A-F]{24}$/.test(name))
  const headers = await Promise.all(segments.toSorted().map((name) => readFile(join(at, 'pg_wal', name))))
  const written = headers.filter((header) => header.readUInt16LE() !== 0)
  expect(written.length).toBeGreaterThanOrEqual(2)
  for (const header of written) {
    expect(header.readBigUInt64LE(24)).toBe(identity?.systemIdentifier)
    expect(header).toHaveLength(16 * 1024 * 1024)
  }
})

test('a server killed right after its first start recovers from the log that came with the cluster', async () => {
  const postgres = make()
  await postgres.ensureRunning()
  await query(postgres, 'CREATE TABLE t AS SELECT generate_series(1, 1000) AS n')
  process.kill(pidOf(postgres), 'SIGKILL')
  await until('it is gone', () => postgres.pid === undefined)
  await postgres.ensureRunning()
  expect(await query(postgres, 'SELECT count(*)::int, max(n) FROM t')).toEqual([1000, 1000])
  expect(await readFile(join(home, 'postgres.log'), 'utf8')).toMatch(/redo starts at 0\/2[\s\S]*redo done/)
  await postgres.stop()
  await postgres.ensureRunning()
  expect(await query(postgres, 'SELECT count(*)::int FROM t')).toEqual([1000])
})

test('all of it is on the disk before it is taken for a cluster', async () => {
  const synced = new Set<string>()
  const { fsync } = fs
  fs.fsync = ((file: number, callback: (error: Error | null) => void) => {
    synced.add(readlinkSync(`/proc/self/fd/${file}`))
    fsync(file, callback)
  }) as typeof fsync
  syncBuiltinESMExports()
  cleanups.push(() => {
    fs.fsync = fsync
    syncBuiltinESMExports()
  })
  const template = await readTemplate(templateFile)
  if (template === undefined) throw new Error('no template')
  await fs.promises.mkdir(directory)
  await unpackTemplate(template, directory, undefined)
  const all = (await readdir(directory, { recursive: true })).map((name) => join(directory, name))
  expect(all.length).toBeGreaterThan(300)
  expect([directory, ...all].filter((path) => !synced.has(path))).toEqual([])
})

test('a node that is killed while it unpacks leaves nothing that the next one would take for a cluster', async () => {
  const script = join(import.meta.dirname, 'fixtures/embedded-parent.ts')
  let isSeenHalfWay = false
  for (let round = 0; round < 5 && !isSeenHalfWay; round++) {
    await rm(directory, { recursive: true, force: true })
    const parent = spawn(process.execPath, [script, directory, templateFile], { stdio: 'ignore' })
    const half = await until('it has begun', async () => (await readdir(home)).find(unfinished))
    await until(
      'half of it is there',
      () => !existsSync(join(home, half)) || existsSync(join(home, half, 'base/5/1259')),
    )
    await kill(parent)
    isSeenHalfWay = (await readdir(home)).some(unfinished)
    expect(existsSync(directory)).toBe(!isSeenHalfWay)
    const postgres = make()
    await postgres.ensureRunning()
    expect(await query(postgres, 'SELECT 1')).toEqual([1])
    expect((await readdir(home)).filter(unfinished)).toEqual([])
    await postgres.stop()
  }
  expect(isSeenHalfWay).toBe(true)
})

test('one of another Postgres, or cut short, is refused, and leaves nothing', async () => {
  const file = join(home, 'cluster.template')
  const whole = await readFile(templateFile)
  await writeFile(file, whole.subarray(0, whole.length / 2))
  await expect(make(directory, file).ensureRunning()).rejects.toThrow(file)
  expect((await readdir(home)).filter(unfinished)).toEqual([])
  expect(existsSync(directory)).toBe(false)
})

test('CRC-32C is the one of RFC 3720', () => {
  expect(crc32c(Buffer.from('123456789'))).toBe(0xe3069283)
  expect(crc32c(Buffer.from('1234'), Buffer.from('56789'))).toBe(0xe3069283)
  expect(crc32c(Buffer.alloc(32))).toBe(0x8a9136aa)
})

async function kill(parent: ChildProcess): Promise<void> {
  parent.kill('SIGKILL')
  if (parent.exitCode === null && parent.signalCode === null) await once(parent, 'exit')
}
