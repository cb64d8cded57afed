import { once } from 'node:events'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { createDatabase } from '../../../../kvs/log/embedded/database-creation.ts'
import { cleanups, home, leaveHome, makeHome } from './embedded-home.ts'

beforeEach(makeHome)
afterEach(leaveHome)

const connection = () => ({ host: home, port: 5432, user: 'kvs', database: 'kvs' })

test('without a socket, or with a connection that breaks, the server is not there yet', async () => {
  expect(await createDatabase(connection())).toBe(false)
  const server = createServer((socket) => socket.destroy())
  cleanups.push(() => server.close())
  await once(server.listen(join(home, '.s.PGSQL.5432')), 'listening')
  expect(await createDatabase(connection())).toBe(false)
})

test('what fails before anything is sent will fail again, and is told', async () => {
  process.env.PGSSLNEGOTIATION = 'direct' // as `pg` would take it
  cleanups.push(() => {
    delete process.env.PGSSLNEGOTIATION
  })
  await expect(createDatabase(connection())).rejects.toThrow('sslnegotiation=direct requires SSL')
})
