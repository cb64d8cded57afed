import { Client, type ClientConfig } from 'pg'
import { waitUntil } from './polling.ts'

/** Opens a connection without TLS. An error on it later is no uncaught one. Rejects if Postgres does not take it. */
export async function openClient(config: ClientConfig): Promise<Client> {
  const client = new Client({ ssl: false, connectionTimeoutMillis: 5_000, ...config })
  client.on('error', () => undefined)
  try {
    await client.connect()
    return client
  } catch (error) {
    await client.end().catch(() => undefined)
    throw error
  }
}

/** Opens a connection as soon as Postgres takes one: it may have been started just now. Rejects after a minute. */
export function connectWhenUp(config: ClientConfig): Promise<Client> {
  return waitUntil('Postgres takes connections', () => openClient(config).catch(() => undefined), {
    ...{ boundMs: 60_000, everyMs: 100 },
  })
}

/** Opens a connection for one use and closes it afterwards. */
export async function withClient<T>(config: ClientConfig, use: (client: Client) => Promise<T>): Promise<T> {
  const client = await openClient(config)
  try {
    return await use(client)
  } finally {
    await client.end()
  }
}
