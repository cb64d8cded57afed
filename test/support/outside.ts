import { join } from 'node:path'
import { Client } from 'pg'
import { onTestFinished } from 'vitest'
import { makeEmbeddedPostgres } from '../../kvs/log/embedded/embedded-postgres.ts'
import { makeDirectory, toEnvironment } from './node.ts'

export interface Row {
  readonly sequence: string
  readonly event_type: number
  readonly key: string
  readonly value: string | null
  readonly superseded: boolean
}

/** A Postgres of the test's own, outside of any node, that it can stop and start; it runs at first. */
export async function startPostgres() {
  const home = join(makeDirectory(), 'postgres')
  const quiet = { info() {}, debug() {}, warn() {} }
  const server = makeEmbeddedPostgres({ directory: home, log: quiet })
  await server.ensureRunning()
  onTestFinished(() => server.stop())
  const { connection } = server

  /** On a connection that lives as long as this. */
  async function sql<R extends object>(text: string): Promise<R[]> {
    const client = new Client({ ...connection, ssl: false })
    await client.connect()
    try {
      return (await client.query(text)).rows
    } finally {
      await client.end()
    }
  }

  return {
    environment: toEnvironment({ ...connection, applicationName: 'kvs', tls: { mode: 'disable' } }),
    socket: `${connection.host}/.s.PGSQL.${connection.port}`,
    /** For a node that reaches it through a proxy's port. */
    through: (port: number) => ({
      ...toEnvironment({ ...connection, host: '127.0.0.1', port, applicationName: 'kvs', tls: { mode: 'disable' } }),
    }),
    stop: () => server.stop(),
    start: () => server.ensureRunning(),
    sql,
    connect: async () => {
      const client = new Client({ ...connection, ssl: false })
      client.on('error', () => undefined)
      await client.connect()
      onTestFinished(() => client.end().catch(() => undefined))
      return client
    },
    /** The whole log, values as text. */
    log: () =>
      sql<Row>(
        `SELECT sequence, event_type, key, convert_from(value, 'UTF8') AS value, superseded FROM transactions ORDER BY sequence`,
      ),
  }
}
