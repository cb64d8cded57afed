import type { Client } from 'pg'
import { onTestFinished } from 'vitest'
import type { PostgresTarget } from '../../kvs/config/postgres-target.ts'
import { clusterIn, makePostgres } from '../../tools/lab/postgres.ts'
import { openClient, withClient } from '../../tools/lab/postgres-client.ts'
import { makeDirectory, toEnvironment } from './node.ts'

export interface Row {
  readonly sequence: string
  readonly event_type: number
  readonly key: string
  readonly value: string | null
  readonly superseded: boolean
}

/**
 * Starts a Postgres of the test's own, apart from any node. The test may stop it and start it again; it is gone with
 * the test.
 * @param settings written with ALTER SYSTEM, and in force when this resolves
 */
export async function startPostgres(settings: Readonly<Record<string, string>> = {}) {
  const server = makePostgres(clusterIn(makeDirectory()), console.warn)
  await server.ensureRunning()
  const clients: Client[] = []
  onTestFinished(async () => {
    await Promise.all(clients.map((client) => client.end().catch(() => undefined)))
    await server.stop()
  })
  const { connection } = server
  const target: PostgresTarget = { ...connection, applicationName: 'kvs', tls: { mode: 'disable' } }

  /** Runs SQL on a connection of its own. */
  const sql = async <R extends object>(text: string): Promise<R[]> =>
    (await withClient(connection, (client) => client.query<R>(text))).rows

  for (const [name, value] of Object.entries(settings)) await sql(`ALTER SYSTEM SET ${name} = '${value}'`)
  if (Object.keys(settings).length > 0) {
    await server.stop()
    await server.ensureRunning()
  }

  return {
    target,
    environment: toEnvironment(target),
    socket: `${connection.host}/.s.PGSQL.${connection.port}`,
    /** Settings of a node that reaches it through a proxy's port. */
    through: (port: number) => toEnvironment({ ...target, host: '127.0.0.1', port }),
    stop: () => server.stop(),
    start: () => server.ensureRunning(),
    sql,
    /** Opens a connection, for what has to be held open; it is closed with the test. */
    async connect(): Promise<Client> {
      const client = await openClient(connection)
      clients.push(client)
      return client
    },
    /** Reads the whole log, values as text. */
    log: () =>
      sql<Row>(
        `SELECT sequence, event_type, key, convert_from(value, 'UTF8') AS value, superseded FROM transactions ORDER BY sequence`,
      ),
  }
}
