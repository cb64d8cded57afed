import { readdirSync, readlinkSync } from 'node:fs'
import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { spawnServer } from '../../../../kvs/log/embedded/server-process.ts'
import { describeOnLinux } from '../../../support/skips.ts'
import { directory, home, leaveHome, makeHome } from './embedded-home.ts'

beforeEach(makeHome)
afterEach(leaveHome)

/** With another program in place of Postgres. */
function start(file: string) {
  return spawnServer({
    ...{ directory, socketDirectory: home, logFile: join(home, 'postgres.log'), binary: file, user: undefined },
    launch: () => ({ file, args: [], options: { cwd: '/', env: {} } }),
    onEnd: () => undefined,
  })
}

test('a log file that somebody has moved away has no last lines, and fails nobody', async () => {
  const server = start('/bin/true')
  await server.stop()
  await rm(join(home, 'postgres.log'))
  expect(await server.lastLines()).toBe('')
})

describeOnLinux('a program that can’t even be tried', () => {
  test('leaves no file open', () => {
    expect(() => start('no\0name')).toThrow(/null bytes/)
    const open = readdirSync('/proc/self/fd').flatMap((fd) => {
      try {
        return [readlinkSync(`/proc/self/fd/${fd}`)]
      } catch {
        return []
      }
    })
    expect(open).not.toContain(join(home, 'postgres.log'))
  })
})
