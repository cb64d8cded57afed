import { expect, test } from 'vitest'
import { Undecided } from '../../../../kvs/log/log.ts'
import { makeLog } from '../../../support/database.ts'
import { put } from '../../../support/entries.ts'
import { startPostgres } from '../../../support/own-postgres.ts'
import { until } from '../../../support/until.ts'

test.each(['notice', 'error'])(
  'a wait for a standby that somebody cuts short acknowledges nothing, whatever is silenced: client_min_messages=%s',
  async (level) => {
    const server = await startPostgres({})
    const operator = await server.connect()
    await operator.query(`ALTER ROLE kvs SET client_min_messages = '${level}'`)
    const session = await makeLog(server).open()
    await session.append([put('a')])
    await operator.query(`ALTER SYSTEM SET synchronous_standby_names = 'nobody'`)
    await operator.query('SELECT pg_reload_conf()')
    await until('the server waits for a standby', async () => {
      const { rows } = await operator.query('SHOW synchronous_standby_names')
      return rows[0].synchronous_standby_names === 'nobody'
    })
    const append = () => {
      const appended = { answer: session.append([put('b')]).catch((error) => error), isOver: false }
      void appended.answer.then(() => {
        appended.isOver = true
      })
      return appended
    }
    // Its own processes may hear of the new setting after this connection: until then, no append waits.
    let last = append()
    await until('an append waits for it, and the wait is cut short', async () => {
      if (last.isOver) last = append()
      const { rows } = await operator.query(
        `SELECT pg_cancel_backend(pid) FROM pg_stat_activity WHERE wait_event = 'SyncRep'`,
      )
      return rows.length > 0
    })
    expect(await last.answer).toBeInstanceOf(Undecided)
    await session.lost
  },
)
