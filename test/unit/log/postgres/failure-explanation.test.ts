import { DatabaseError } from 'pg'
import { expect, test } from 'vitest'
import { explain } from '../../../../kvs/log/postgres/failure-explanation.ts'

const where = { host: 'db', port: 5432, user: 'me', database: 'mine', sslmode: 'require' }

function answered(code: string, severity = 'ERROR', message = 'as Postgres says'): DatabaseError {
  return Object.assign(new DatabaseError(message, message.length, 'error'), { code, severity })
}
const failed = (code: string, message = 'as the system says') => Object.assign(new Error(message), { code })

test.each([
  [
    failed('ECONNREFUSED'),
    /^nothing listens at db:5432: is Postgres running there\? Else look at POSTGRES_HOST and POSTGRES_PORT, or at DATABASE_URL$/,
  ],
  [new AggregateError([failed('ECONNREFUSED'), failed('ECONNREFUSED')]), /^nothing listens at db:5432/],
  [
    failed('ENOTFOUND'),
    /^the host name db is not known: is that server, or its container, running\? Else look at POSTGRES_HOST, or at DATABASE_URL$/,
  ],
  [failed('EAI_AGAIN'), /^the host name db can’t be looked up now$/],
  [new Error('timeout expired'), /^Postgres at db:5432 does not answer/],
  [answered('XX000', 'ERROR', 'timeout expired?'), /^Postgres at db:5432: timeout expired\? \(XX000\)$/],
  [answered('26000'), /^Postgres at db:5432 has lost what was prepared .*: a pooler in transaction or statement mode/],
  [
    answered('28P01', 'FATAL'),
    /^Postgres at db:5432 refuses the password of user "me", or has no such user: look at POSTGRES_USER and POSTGRES_PASSWORD/,
  ],
  [
    answered('3D000', 'FATAL'),
    /^Postgres at db:5432 has no database "mine": make it \(CREATE DATABASE\), or set POSTGRES_DB/,
  ],
  [answered('57P03', 'FATAL'), /^Postgres at db:5432 is starting up or shutting down/],
  [answered('42501'), /^user "me" lacks a right in database "mine": as Postgres says$/],
  [
    new Error('The server does not support SSL connections'),
    /does not offer TLS, and POSTGRES_SSLMODE=require needs it$/,
  ],
  [failed('SELF_SIGNED_CERT_IN_CHAIN'), /^TLS with Postgres at db:5432 failed .* is its CA in POSTGRES_SSLROOTCERT\?$/],
  [new Error('something else'), /^Postgres at db:5432: something else$/],
])('%s is told as %s', (error, sentence) => {
  expect(explain(error, where)).toMatch(sentence)
})

test('a socket directory is told as its socket', () => {
  expect(explain(failed('ENOENT'), { ...where, host: '/run/pg' })).toBe(
    'there is no socket /run/pg/.s.PGSQL.5432: is Postgres running there? ' +
      'Else look at POSTGRES_HOST and POSTGRES_PORT, or at DATABASE_URL',
  )
})
