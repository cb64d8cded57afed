import { integer, oneOf, orWord, path, server, text } from '../parsers.ts'
import type { Table } from '../settings-table.ts'

/** Settings of the connection to the log's Postgres. The embedded one uses none of them. */
export const postgresSettings = {
  url: { name: 'DATABASE_URL', parse: text, purpose: 'Postgres as a URL, in place of host, port, …', secret: true },
  host: { name: 'POSTGRES_HOST', parse: server, purpose: 'Host or socket directory; unset: embedded Postgres' },
  port: { name: 'POSTGRES_PORT', default: '5432', parse: integer(1, 65_535), purpose: 'Port' },
  database: { name: 'POSTGRES_DB', default: 'kvs', parse: text, purpose: 'Database' },
  user: { name: 'POSTGRES_USER', default: 'kvs', parse: text, purpose: 'User' },
  password: { name: 'POSTGRES_PASSWORD', parse: text, purpose: 'Password', secret: true },
  passwordFile: { name: 'POSTGRES_PASSWORD_FILE', parse: path, purpose: 'File that holds the password' },
  sslMode: {
    name: 'POSTGRES_SSLMODE',
    default: 'prefer',
    parse: oneOf('disable', 'allow', 'prefer', 'require', 'verify-ca', 'verify-full'),
    purpose: 'TLS, as in libpq: disable, allow, prefer, require, verify-ca or verify-full',
  },
  sslRootCert: {
    name: 'POSTGRES_SSLROOTCERT',
    parse: orWord('system', 'system', path),
    purpose: 'PEM file of the CAs to trust, or system',
  },
  sslCert: { name: 'POSTGRES_SSLCERT', parse: path, purpose: 'PEM file of the client certificate' },
  sslKey: { name: 'POSTGRES_SSLKEY', parse: path, purpose: 'PEM file of the key to the client certificate' },
} satisfies Table
