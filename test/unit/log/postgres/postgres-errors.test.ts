import { once } from 'node:events'
import { type AddressInfo, createServer, type Socket } from 'node:net'
import { DatabaseError } from 'pg'
import { describe, expect, onTestFinished, test } from 'vitest'
import { connect } from '../../../../kvs/log/postgres/connection.ts'
import { explain } from '../../../../kvs/log/postgres/failure-explanation.ts'
import { isRolledBack, queryTimeout, takesNoWrites } from '../../../../kvs/log/postgres/postgres-errors.ts'
import { makeDatabase } from '../../../support/database.ts'

const where = { host: 'db', port: 5432, user: 'me', database: 'mine', sslmode: 'require' }

function answered(code: string, severity = 'ERROR', message = 'as Postgres says'): DatabaseError {
  return Object.assign(new DatabaseError(message, message.length, 'error'), { code, severity })
}
test.each([
  ['22021', 'ERROR', true, false],
  ['23502', 'ERROR', true, false],
  ['23514', 'ERROR', true, false],
  ['P0001', 'ERROR', true, false],
  ['23505', 'ERROR', true, true],
  ['26000', 'ERROR', true, true],
  ['42501', 'ERROR', true, true],
  ['42P01', 'ERROR', true, true],
  ['54000', 'ERROR', true, true],
  ['XX000', 'ERROR', true, true],
  ['53100', 'ERROR', true, true],
  ['25006', 'ERROR', true, true],
  ['57014', 'ERROR', true, true],
  ['57P01', 'FATAL', false, true],
  ['53300', 'FATAL', false, true],
  ['08006', 'ERROR', false, true],
  ['40003', 'ERROR', false, true],
  ['40001', 'ERROR', true, true],
])('%s as %s: changed nothing for certain: %s; takes no writes now: %s', (code, severity, certain, noWrites) => {
  expect(isRolledBack(answered(code, severity))).toBe(certain)
  expect(takesNoWrites(answered(code, severity))).toBe(noWrites)
})

test('a lost connection is no answer', () => {
  expect(isRolledBack(new Error('Connection terminated unexpectedly'))).toBe(false)
})

/** `pg` has no codes for these: only that it still says them holds what rests on the words. */
describe('the words of the library', () => {
  test.each([
    ['nothing at all', undefined, 'timeout expired', /does not answer \(timeout expired\)$/],
    ['no to TLS', 'N', 'The server does not support SSL connections', /does not offer TLS/],
    [
      'neither yes nor no to TLS',
      'E',
      'There was an error establishing an SSL connection',
      /^TLS with Postgres at \S+ failed/,
    ],
  ])('where the server answers %s', async (_, answer, message, sentence) => {
    const port = await startListener((socket) => answer && socket.on('data', () => socket.write(answer)))
    const target = { ...where, host: '127.0.0.1', port, applicationName: 'kvs', tls: { mode: 'require' as const } }
    const error = await connect(target, 500).catch((error) => error)
    expect(error.message).toBe(message)
    expect(explain(error, { ...where, port })).toMatch(sentence)
  })

  test('where a statement is not answered in time', async () => {
    const connection = await connect((await makeDatabase()).target, 10_000)
    const asked = connection.query({ text: 'SELECT pg_sleep(600)' }, 50)
    await expect(asked).rejects.toMatchObject({ message: queryTimeout })
    expect(explain(await asked.catch((error) => error), where)).toMatch(/does not answer/)
    await connection.close()
  })
})

async function startListener(onConnection: (socket: Socket) => unknown): Promise<number> {
  const sockets = new Set<Socket>()
  const server = createServer((socket) => {
    sockets.add(socket.on('error', () => undefined))
    onConnection(socket)
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  onTestFinished(() => {
    for (const socket of sockets) socket.destroy()
    server.close()
  })
  return (server.address() as AddressInfo).port
}
