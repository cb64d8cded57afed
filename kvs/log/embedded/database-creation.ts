import pg from 'pg'

export interface ServerAddress {
  /** The socket's directory, absolute. */
  host: string
  port: number
  user: string
  database: string
}

/** Creates the address's database unless it exists. Returns false where the server does not accept connections yet. */
export async function createDatabase(connection: ServerAddress): Promise<boolean> {
  try {
    if (await connects(connection)) return true
    await connects(
      { ...connection, database: 'postgres' },
      `CREATE DATABASE ${pg.escapeIdentifier(connection.database)}`,
    )
    return true
  } catch (error) {
    if (isPermanent(error)) throw error
    return false
  }
}

/** Connects and runs the statement. Returns false where the server has no such database. */
async function connects(connection: ServerAddress, statement = ''): Promise<boolean> {
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
 * Whether waiting won't help. It does where the server starts, shuts down or crashed (57P), where the connection broke,
 * which `pg` says without a code, and where there is no socket yet. Other errors without a code are faults of the
 * parameters.
 */
function isPermanent(error: unknown): boolean {
  if (error instanceof pg.DatabaseError) return !error.code?.startsWith('57P')
  if (error instanceof Error && 'code' in error) return error.code === 'EACCES'
  return !(error instanceof Error && /^(timeout expired|Connection terminated|Client (was|has) )/.test(error.message))
}
