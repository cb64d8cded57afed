import { beforeEach, describe, expect, test } from 'vitest'
import { NotAppended, Refused } from '../../../../kvs/log/index.ts'
import { put } from '../../../support/entries.ts'
import { readAll } from '../../../support/read-all.ts'
import { decided, spooled } from '../batches.ts'
import type { LogServer, MakeLogServer } from '../log-server.ts'

export function describeRefusals(makeServer: MakeLogServer): void {
  let server: LogServer
  beforeEach(async () => {
    server = await makeServer()
  })

  describe('an append that the log refuses', () => {
    test('for what one of its writes is has stored none of them, and the session goes on', async () => {
      const session = await server.makeLog().open()
      await server.refuseKey('b')
      const appends = [
        () => session.append([put('a'), put('b')]),
        () => session.appendSpooled([spooled(1n, 'a'), spooled(2n, 'b')], 0n),
        () => session.appendConditional([decided(put('a')), decided(put('b'))], 0n),
      ]
      for (const append of appends) {
        const error = await append().catch((error) => error)
        expect(error).toBeInstanceOf(NotAppended)
        expect(error.logIsDown).toBe(false)
      }
      expect((await session.append([put('c')])).sequence).toBe(1n)
      expect(session.committed.number).toBe(1n)
      expect((await readAll(session)).map(({ write }) => write.key)).toEqual(['c'])
      await session.close()
    })

    test('since no text can have a NUL is refused for what it is', async () => {
      const session = await server.makeLog().open()
      for (const write of [put('a\0'), put('a', 'v', 'text/\0')]) {
        const error = await session.append([put('b'), write]).catch((error) => error)
        expect(error).toBeInstanceOf(NotAppended)
        expect(error.logIsDown).toBe(false)
      }
      expect((await session.append([put('a', '\0')])).sequence).toBe(1n)
      await session.close()
    })

    test('since it takes no writes is not stored, and is taken under the same numbers when it does', async () => {
      const session = await server.makeLog().open()
      await session.append([put('a')])
      const takeAgain = await server.refuseWrites()
      const error = await session.append([put('b')]).catch((error) => error)
      expect(error).toBeInstanceOf(NotAppended)
      expect(error.logIsDown).toBe(true)
      expect(session.committed.number).toBe(1n)
      expect((await session.askHead()).sequence).toBe(1n)
      await takeAgain()
      expect((await session.append([put('b')])).sequence).toBe(2n)
      expect(session.committed.number).toBe(2n)
      await session.close()
    })
  })

  test('a log that must not be used as it is refuses sessions', async () => {
    await (await server.makeLog().open()).close()
    await server.refuseSessions()
    const error = await server
      .makeLog()
      .open()
      .catch((error) => error)
    expect(error).toBeInstanceOf(Refused)
    expect(error.message).toContain('version 99')
  })
}
