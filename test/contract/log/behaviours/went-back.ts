import { randomUUID } from 'node:crypto'
import { beforeEach, describe, expect, test } from 'vitest'
import { Diverged } from '../../../../kvs/log/index.ts'
import { put } from '../../../support/entries.ts'
import type { LogServer, MakeLogServer } from '../log-server.ts'

export function describeWentBack(makeServer: MakeLogServer): void {
  let server: LogServer
  beforeEach(async () => {
    server = await makeServer()
  })

  describe('a log that went back', () => {
    test('is told from one that went on', async () => {
      const session = await server.makeLog().open()
      const first = await session.append([put('a')])
      const second = await session.append([put('b')])
      expect(await session.holds({ sequence: 0n, digest: Buffer.alloc(0) })).toBe(true)
      expect(await session.holds(first)).toBe(true)
      expect(await session.holds(second)).toBe(true)
      expect(await session.holds({ sequence: 3n, digest: second.digest })).toBe(false)
      expect(await session.holds({ sequence: 2n, digest: first.digest })).toBe(false)
      await session.close()
    })

    test('and was written on by the same node has another digest, whatever the numbers', async () => {
      const writerId = randomUUID()
      const session = await server.makeLog({ writerId }).open()
      await session.append([put('a')])
      const restore = await server.copy()
      const lost = await session.append([put('b')])
      await session.close()
      await restore()
      const again = await server.makeLog({ writerId }).open()
      expect(again.committed.number).toBe(1n)
      expect((await again.append([put('b')])).sequence).toBe(2n)
      expect(await again.holds(lost)).toBe(false)
      await again.close()
    })

    test('and lost batches that it had acknowledged is named by the next session', async () => {
      const log = server.makeLog()
      const session = await log.open()
      await session.append([put('a')])
      const restore = await server.copy()
      await session.append([put('b')])
      await session.close()
      await restore()
      const error = await log.open().catch((error) => error)
      expect(error).toBeInstanceOf(Diverged)
      expect(error.message).toMatch(/went back: it lacks the last writes of this node \(numbers 2 to 2\)/)
    })

    test('to before a node was known is named as well', async () => {
      await (await server.makeLog().open()).close()
      const restore = await server.copy()
      const log = server.makeLog()
      await (await log.open()).close()
      await restore()
      const error = await log.open().catch((error) => error)
      expect(error).toBeInstanceOf(Diverged)
      expect(error.message).toMatch(/went back.*knows nothing/)
    })

    test('keeps nobody from going on who was not told of what it lost', async () => {
      const [log, other] = [server.makeLog(), await server.makeLog().open()]
      await (await log.open()).append([put('a')])
      const restore = await server.copy()
      await other.append([put('b')])
      await restore()
      const again = await log.open()
      expect(again.head.sequence).toBe(1n)
      expect((await again.append([put('c')])).sequence).toBe(2n)
      await again.close()
    })

    test('and is another one is not taken for it', async () => {
      const log = server.makeLog()
      await (await log.open()).close()
      await server.replaceLog()
      await expect(log.open()).rejects.toThrow(Diverged)
      const session = await server.makeLog().open()
      expect((await session.append([put('a')])).sequence).toBe(1n)
      await session.close()
    })
  })
}
