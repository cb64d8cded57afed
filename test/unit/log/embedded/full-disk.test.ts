import { execFileSync } from 'node:child_process'
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { reasonIn } from '../../../../kvs/log/embedded/program-output.ts'
import { embeddedPid, makeDirectory, startNode, startReadyNode } from '../../../support/node.ts'
import { put, type Ready } from '../../../support/requests.ts'
import { testAsRoot } from '../../../support/skips.ts'
import { until } from '../../../support/until.ts'

const reasonOf = async ({ url }: { url: string }) => ((await (await fetch(`${url}/readyz`)).json()) as Ready).reason

testAsRoot('/readyz says that the disk under the embedded Postgres is full', async () => {
  const directory = makeDirectory()
  const data = join(directory, 'data')
  mkdirSync(data)
  execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=128m,mode=755', 'kvs-full-disk', data])
  onTestFinished(() => void execFileSync('umount', ['--lazy', data]))
  const node = await startReadyNode(directory)
  expect((await put(node, 'a', 'x')).status).toBe(201)

  execFileSync('sh', ['-c', 'cat /dev/zero >filler 2>/dev/null || true'], { cwd: data })
  process.kill(embeddedPid(directory) ?? 0, 'SIGKILL')
  const reason = await until('it tells why', async () => {
    const reason = await reasonOf(node)
    return reason?.includes('ended while starting') && reason
  })
  expect(reason).toMatch(
    /^embedded Postgres ended while starting \(.*\): .*[Nn]o space (is )?left on .*: mend that, or set POSTGRES_HOST/,
  )
  expect(reason).not.toContain('\n')
})

test('/readyz says in a sentence why the embedded Postgres does not start', async () => {
  const directory = makeDirectory()
  const first = await startReadyNode(directory)
  first.kill('SIGTERM')
  await first.ended
  writeFileSync(join(directory, 'data', 'postgres', 'postgresql.conf'), 'no_such_setting = 1\n')
  const node = await startNode(directory)
  const reason = await until('it tells why', async () => {
    const reason = await reasonOf(node)
    return reason?.includes('ended') && reason
  })
  expect(reason).toMatch(
    /^embedded Postgres ended while starting \(exit code 1\): .*no_such_setting.*: mend that, or set /,
  )
  // All that it has said is in the log, once.
  expect(node.output()).toMatch(/The last lines of .*postgres\.log:/)
})

test.each([
  [
    '2026-11-28 15:00:00.000 UTC [7] LOG:  starting PostgreSQL\n' +
      '2026-11-28 15:00:00.000 UTC [7] FATAL:  could not write lock file "postmaster.pid": No space left on device\n' +
      '2026-11-28 15:00:00.001 UTC [7] LOG:  database system is shut down',
    'could not write lock file "postmaster.pid": No space left on device',
  ],
  [
    'LOG:  unrecognized configuration parameter "a" in file "f" line 1\nFATAL:  configuration file "f" contains errors',
    'unrecognized configuration parameter "a" in file "f" line 1; configuration file "f" contains errors',
  ],
  [
    'PANIC:  could not write to file "pg_wal/xlogtemp.29": No space left on device\nchild process was terminated by ' +
      'signal 6\ninitdb: removing contents of data directory "/data"',
    'could not write to file "pg_wal/xlogtemp.29": No space left on device',
  ],
  [
    'initdb: error: could not create directory "/d": Permission denied',
    'error: could not create directory "/d": Permission denied',
  ],
  [
    'Error: Command failed: /bin/postgres --version\n/bin/postgres: error while loading shared libraries: libicu.so',
    '/bin/postgres: error while loading shared libraries: libicu.so',
  ],
  ['spawn /bin/postgres ENOENT', 'spawn /bin/postgres ENOENT'],
])('of %j the reason is told', (output, reason) => {
  expect(reasonIn(output)).toBe(reason)
})
