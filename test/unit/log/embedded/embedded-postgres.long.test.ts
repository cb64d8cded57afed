import { chmod, cp, mkdtemp, readFile, rm, stat } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { copyBinaries, findBinaries } from '../../../../kvs/log/embedded/binaries.ts'
import { prepareCluster } from '../../../../kvs/log/embedded/cluster.ts'
import { findLauncher, serverUser } from '../../../../kvs/log/embedded/launcher.ts'
import { testAsRoot } from '../../../support/skips.ts'
import { cleanups, directory, home, leaveHome, make, makeHome, pidOf, query } from './embedded-home.ts'

beforeEach(makeHome)
afterEach(leaveHome)

test('a path too long for a socket, with spaces, quotes and commas, works', async () => {
  const long = join(home, 'with space, "quotes"', 'x'.repeat(120), 'postgres')
  const postgres = make(long)
  await postgres.ensureRunning()
  cleanups.unshift(() => rm(postgres.connection.host, { recursive: true, force: true }))
  expect(dirname(postgres.connection.host)).toBe(tmpdir())
  expect((await stat(postgres.connection.host)).mode & 0o777).toBe(0o700)
  expect(await query(postgres, 'SELECT 1')).toEqual([1])
  const socketsIn = make(join(home, 'a, "b"', 'postgres'))
  await socketsIn.ensureRunning()
  expect(socketsIn.connection.host).toBe(join(home, 'a, "b"', 'run'))
  expect(await query(socketsIn, 'SELECT 1')).toEqual([1])
})

testAsRoot('below a directory only root may enter it works all the same', async () => {
  await chmod(home, 0o700)
  const postgres = make()
  await postgres.ensureRunning()
  expect((await stat(directory)).uid).not.toBe(0)
  await query(postgres, 'CREATE TABLE t AS SELECT 7 AS n')
  // Of its own backends too: a crash makes the server start over by itself.
  process.kill(pidOf(postgres), 'SIGKILL')
  await vi.waitFor(() => expect(postgres.pid).toBeUndefined())
  await postgres.ensureRunning()
  expect(await query(postgres, 'SELECT n FROM t')).toEqual([7])
})

testAsRoot('programs below a directory only root may enter run all the same, from a copy', async () => {
  const installed = await findBinaries()
  const reachable = await mkdtemp(join(tmpdir(), 'kvs-programs-'))
  cleanups.push(() => rm(reachable, { recursive: true, force: true }))
  await chmod(reachable, 0o755)
  await cp(dirname(dirname(installed.postgres)), join(home, 'native'), { recursive: true, verbatimSymlinks: true })
  await chmod(home, 0o700)
  const hidden = {
    ...installed,
    initdb: join(home, 'native/bin/initdb'),
    postgres: join(home, 'native/bin/postgres'),
  }
  const user = await serverUser(directory)
  const found = await findLauncher(user, hidden, [home], () => copyBinaries(hidden, reachable))
  expect(found.binaries.postgres).toBe(join(reachable, 'bin/postgres'))
  await prepareCluster(directory, found.binaries, found.launch, user, '')
  expect(await readFile(join(directory, 'PG_VERSION'), 'utf8')).toBe('18\n')
})
