import { expect, test } from 'vitest'
import { type LogSession, Unavailable } from '../../../../kvs/log/log.ts'
import { makeDatabase, makeLog } from '../../../support/database.ts'
import { put } from '../../../support/entries.ts'
import { startProxy } from '../../../support/proxy.ts'
import { until } from '../../../support/until.ts'

test.each(['cut', 'blackhole'] as const)(
  'a connection that is lost in the middle of a replay is told (%s)',
  async (fault) => {
    const database = await makeDatabase()
    await (await makeLog(database).open()).append(
      Array.from({ length: 300 }, (_, n) => put(`k${n}`, Buffer.alloc(9_000))),
    )
    const { host, port } = database.target
    const proxy = await startProxy(`${host}/.s.PGSQL.${port}`, { bytesPerSecond: 1_000_000 })
    const target = { ...database.target, host: '127.0.0.1', port: proxy.port }
    const session: LogSession = await makeLog({ ...database, target }, { timeoutMs: 300 }).open()
    let applied = 0
    const replay = session.replay(0n, () => applied++)
    const ended = expect(replay).rejects.toThrow(Unavailable)
    await until('some are applied', () => applied > 10)
    proxy[fault]()
    await ended
    expect(applied).toBeLessThan(300)
  },
)
