import { Client, type ClientConfig } from 'pg'
import { waitUntil } from '../wait.ts'

/** A connection of the drill's own, as soon as Postgres takes one: it may have been started just now. */
export function connect(config: ClientConfig): Promise<Client> {
  return waitUntil('Postgres takes connections', () => tryOnce(config).catch(() => undefined), {
    ...{ boundMs: 60_000, everyMs: 100 },
  })
}

async function tryOnce(config: ClientConfig): Promise<Client> {
  const client = new Client({ ...config, ssl: false, application_name: 'drill', connectionTimeoutMillis: 5_000 })
  client.on('error', () => undefined)
  try {
    await client.connect()
    return client
  } catch (error) {
    await client.end().catch(() => undefined)
    throw error
  }
}
