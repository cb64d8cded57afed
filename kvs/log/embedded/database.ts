import pg from 'pg'

export interface Connection {
  /** the socket's directory, absolute */
  host: string
  port: number
  user: string
  database: string
}

/** Creates the connection's database unless it exists. Resolves to false if the server does not accept connections yet. */
export async function createDatabase({ database, ...server }: Connection): Promise<boolean> {
  const client = new pg.Client({ ...server, database: 'postgres', ssl: false, connectionTimeoutMillis: 5_000 })
  client.on('error', () => {})
  try {
    await client.connect()
    const { rowCount } = await client.query('SELECT 1 FROM pg_database WHERE datname = $1', [database])
    if (rowCount === 0) await client.query(`CREATE DATABASE ${pg.escapeIdentifier(database)}`)
    return true
  } catch (error) {
    if (isDefinite(error)) throw error
    return false
  } finally {
    await client.end().catch(() => {})
  }
}

/** 57P: starting, shutting down or crashed. Without an SQLSTATE: the connection broke, or there is no socket yet. */
function isDefinite(error: unknown): boolean {
  if (error instanceof pg.DatabaseError) return !error.code?.startsWith('57P')
  return error instanceof Error && 'code' in error && error.code === 'EACCES'
}
