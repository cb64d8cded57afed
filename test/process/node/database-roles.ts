import { randomUUID } from 'node:crypto'
import { Client } from 'pg'
import { onTestFinished } from 'vitest'
import { dailyRights } from '../../../kvs/log/postgres/rights.ts'
import { type Database, makeDatabase } from '../../support/database.ts'

/**
 * Two roles on a database that lets in nobody else: one that may make the log, and one with the rights of the daily
 * work alone.
 */
export async function makeRoles() {
  const database = await makeDatabase()
  const { database: name } = database.target
  const id = randomUUID().slice(0, 8)
  const [maker, worker] = [`maker_${id}`, `worker_${id}`]
  await database.sql(`CREATE ROLE ${maker} LOGIN; CREATE ROLE ${worker} LOGIN;
    REVOKE ALL ON DATABASE ${name} FROM PUBLIC; REVOKE ALL ON SCHEMA public FROM PUBLIC;
    ALTER DEFAULT PRIVILEGES FOR ROLE ${maker} REVOKE EXECUTE ON FUNCTIONS FROM PUBLIC;
    GRANT CONNECT ON DATABASE ${name} TO ${maker}, ${worker};
    GRANT USAGE, CREATE ON SCHEMA public TO ${maker}; GRANT USAGE ON SCHEMA public TO ${worker}`)
  onTestFinished(async () => {
    const { host, port, user } = database.target
    const admin = new Client({ host, port, user, database: name, ssl: false })
    await admin.connect()
    await admin.query(
      `DROP OWNED BY ${worker}; DROP OWNED BY ${maker} CASCADE; DROP ROLE ${worker}; DROP ROLE ${maker}`,
    )
    await admin.end()
  })
  const as = (user: string): Database => ({ ...database, target: { ...database.target, user } })
  return { database, maker, worker, asMaker: as(maker), asWorker: as(worker) }
}

export const daily = Object.entries(dailyRights)

/** As docs/postgres.md has it. */
export async function grantDaily(database: Database, worker: string): Promise<void> {
  for (const [table, rights] of daily) await database.sql(`GRANT ${rights.join(', ')} ON ${table} TO ${worker}`)
  await database.sql(`GRANT EXECUTE ON ALL FUNCTIONS IN SCHEMA public TO ${worker}`)
}
