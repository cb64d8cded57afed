import { chown, mkdir, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import pg from 'pg'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { findBinaries } from '../../../../kvs/log/embedded/binaries.ts'
import { testAsRoot } from '../../../support/skips.ts'
import { alive, directory, home, leaveHome, make, makeHome, pidOf, query, warnings } from './embedded-home.ts'

beforeEach(makeHome)
afterEach(leaveHome)

test('a first start makes a cluster that takes SQL, with checksums and fsync, for nobody but us', async () => {
  const postgres = make()
  expect(postgres.pid).toBeUndefined()
  await Promise.all([postgres.ensureRunning(), postgres.ensureRunning()])
  await postgres.ensureRunning()
  expect(postgres.connection).toEqual({ host: join(home, 'run'), port: 5432, user: 'kvs', database: 'kvs' })
  const settings = ['data_checksums', 'fsync', 'synchronous_commit', 'full_page_writes', 'listen_addresses']
  const shown = await query(postgres, `SELECT ${settings.map((name) => `current_setting('${name}')`).join()}`)
  expect(shown).toEqual(['on', 'on', 'on', 'on', ''])
  expect(await query(postgres, 'SHOW server_encoding')).toEqual(['UTF8'])
  expect((await stat(postgres.connection.host)).mode & 0o777).toBe(0o700)
  expect((await stat(directory)).mode & 0o777).toBe(0o700)
  expect((await readdir(home)).sort()).toEqual(['postgres', 'postgres.log', 'run'])
})

test('opens no TCP port, and inherits nothing from our environment', async () => {
  process.env.KVS_TEST_SECRET = 'secret'
  const postgres = make()
  await postgres.ensureRunning()
  const client = new pg.Client({ ...postgres.connection, host: '127.0.0.1', ssl: false })
  client.on('error', () => {})
  // Another server may use that port here: then it is not ours that answers.
  const directoryOverTcp = client
    .connect()
    .then(() => client.query('SHOW data_directory'))
    .then(({ rows }) => rows[0].data_directory)
    .finally(() => client.end())
  expect(await directoryOverTcp.catch(() => undefined)).not.toBe(directory)
  // Line 6 of the lock is the first address the server listens on.
  expect((await readFile(join(directory, 'postmaster.pid'), 'utf8')).split('\n')[5]).toBe('')
  if (process.platform === 'linux') {
    const environ = `encode(pg_read_binary_file('/proc/${postgres.pid}/environ'), 'escape')`
    const [environment] = await query(postgres, `SELECT ${environ}`)
    expect(environment).toContain('LC_ALL=C')
    expect(environment).not.toContain('secret')
  }
})

test('stop and start keep the data; both are idempotent; a stopped server is gone', async () => {
  const postgres = make()
  await postgres.stop()
  await postgres.ensureRunning()
  const first = pidOf(postgres)
  await query(postgres, 'CREATE TABLE t AS SELECT 7 AS n')
  await Promise.all([postgres.stop(), postgres.stop()])
  expect(postgres.pid).toBeUndefined()
  expect(alive(first)).toBe(false)
  expect(await readdir(postgres.connection.host)).toEqual([])
  await postgres.ensureRunning()
  expect(await query(postgres, 'SELECT n FROM t')).toEqual([7])
  // A start that is asked for while it stops comes after the stop.
  const stopped = postgres.stop()
  await postgres.ensureRunning()
  await stopped
  expect(await query(postgres, 'SELECT n FROM t')).toEqual([7])
  expect(warnings).toEqual([])
})

test('stop cuts a start short', async () => {
  const postgres = make()
  const start = expect(postgres.ensureRunning()).rejects.toThrow('stopped while it started')
  await postgres.stop()
  await start
  await postgres.ensureRunning()
  expect(await query(postgres, 'SELECT 1')).toEqual([1])
  // The last call counts: nothing runs after it.
  const first = postgres.stop()
  const queued = expect(postgres.ensureRunning()).rejects.toThrow('stopped while it started')
  await Promise.all([first, postgres.stop(), queued])
  expect(postgres.pid).toBeUndefined()
})

testAsRoot('a socket directory of somebody else is refused', async () => {
  await mkdir(join(home, 'run'))
  await chown(join(home, 'run'), 4242, 4242)
  await expect(make().ensureRunning()).rejects.toThrow('run belongs to another user (uid 4242)')
})

testAsRoot('a cluster that became root’s, as a copied backup does, is given to the server’s user', async () => {
  const postgres = make()
  await postgres.ensureRunning()
  await postgres.stop()
  for (const name of ['', ...(await readdir(directory, { recursive: true }))]) await chown(join(directory, name), 0, 0)
  await postgres.ensureRunning()
  expect(await query(postgres, 'SELECT 1')).toEqual([1])
})

test('another major version is refused by name, and so is a directory that holds something else', async () => {
  await mkdir(directory)
  await writeFile(join(directory, 'PG_VERSION'), '17\n')
  const postgres = make()
  await expect(postgres.ensureRunning()).rejects.toThrow(/made by Postgres 17, the embedded one is 18: /)
  await rm(join(directory, 'PG_VERSION'))
  await writeFile(join(directory, 'notes.txt'), '')
  await expect(postgres.ensureRunning()).rejects.toThrow('holds files but no cluster')
  expect(await readdir(directory)).toEqual(['notes.txt'])
})

test('a server that ends while starting is explained with its own words', async () => {
  const postgres = make()
  await postgres.ensureRunning()
  await postgres.stop()
  await writeFile(join(directory, 'postgresql.conf'), 'no_such_setting = 1\n')
  await expect(postgres.ensureRunning()).rejects.toThrow(/no_such_setting.*POSTGRES_HOST or DATABASE_URL/s)
  expect(postgres.pid).toBeUndefined()
  await writeFile(join(directory, 'postgresql.conf'), '')
  await postgres.ensureRunning()
})

test('a platform without binaries is told what to do', async () => {
  const message = 'no embedded Postgres for aix-ppc64: set POSTGRES_HOST or DATABASE_URL'
  await expect(findBinaries('aix-ppc64')).rejects.toThrow(message)
})
