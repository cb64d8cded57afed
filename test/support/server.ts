import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import pg from 'pg'
import { onTestFinished } from 'vitest'
import type { PostgresTarget } from '../../kvs/config/postgres-target.ts'
import { makeEmbeddedPostgres } from '../../kvs/log/embedded/embedded-postgres.ts'

export interface OwnServer {
  readonly target: PostgresTarget
  /** A connection of the test's own. */
  connect(): Promise<pg.Client>
}

/** A Postgres of the test's own, for what would change the tests' one for everybody; gone with the test. */
export async function startServer(settings: Record<string, string>): Promise<OwnServer> {
  const home = await mkdtemp(join(tmpdir(), 'kvs-server-'))
  const quiet = { info() {}, debug() {}, warn: (message: string) => console.warn(message) }
  const server = makeEmbeddedPostgres({ directory: join(home, 'postgres'), log: quiet })
  const clients: pg.Client[] = []
  onTestFinished(async () => {
    await Promise.all(clients.map((client) => client.end().catch(() => undefined)))
    await server.stop()
    await rm(home, { recursive: true, force: true })
  })

  async function connect(): Promise<pg.Client> {
    const client = new pg.Client({ ...server.connection, ssl: false })
    client.on('error', () => undefined)
    await client.connect()
    clients.push(client)
    return client
  }

  await server.ensureRunning()
  const first = await connect()
  for (const [name, value] of Object.entries(settings)) await first.query(`ALTER SYSTEM SET ${name} = '${value}'`)
  if (Object.keys(settings).length > 0) {
    await server.stop()
    await server.ensureRunning()
  }
  return { target: { ...server.connection, applicationName: 'kvs', tls: { mode: 'disable' } }, connect }
}
