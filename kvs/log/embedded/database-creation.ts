import pg from 'pg'

export interface Connection {
  /** the socket's directory, absolute */
  host: string
  port: number
  user: string
  database: string
}

/** Creates the connection's database unless it exists. Resolves to false if the server does not accept connections yet. */
export async function createDatabase(connection: Connection): Promise<boolean> {
  try {
    if (await connects(connection)) return true
    await connects(
      { ...connection, database: 'postgres' },
      `CREATE DATABASE ${pg.escapeIdentifier(connection.database)}`,
    )
    return true
  } catch (error) {
    if (isDefinite(error)) throw error
    return false
  }
}

/** Resolves to false if the server has no such database. Where it has, the statement has been run. */
async function connects(connection: Connection, statement = ''): Promise<boolean> {
  const client = new pg.Client({ ...connection, ssl: false, connectionTimeoutMillis: 5_000 })
  client.on('error', () => {})
  try {
    await client.connect()
    if (statement !== '') await client.query(statement)
    return true
  } catch (error) {
    if (error instanceof pg.DatabaseError && error.code === '3D000' && statement === '') return false
    throw error
  } finally {
    await client.end().catch(() => {})
  }
}

/**
 * 57P: starting, shutting down or crashed. Without an SQLSTATE: the connection broke, of which `pg` tells without a code, or there is
 * no socket yet. What else has no code is a fault of the connection's own parameters, and stays.
 */
function isDefinite(error: unknown): boolean {
  if (error instanceof pg.DatabaseError) return !error.code?.startsWith('57P')
  if (error instanceof Error && 'code' in error) return error.code === 'EACCES'
  return !(error instanceof Error && /^(timeout expired|Connection terminated|Client (was|has) )/.test(error.message))
}
