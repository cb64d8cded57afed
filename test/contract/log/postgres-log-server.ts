import { onTestFinished } from 'vitest'
import { makePostgresRingLog } from '../../../kvs/log/postgres/postgres-ring-log.ts'
import { makePostgresSiteLog } from '../../../kvs/log/postgres/postgres-site-log.ts'
import { startProxy } from '../../../tools/lab/network/proxy.ts'
import { byForce, type Database, makeDatabase, makeLog } from '../../support/database.ts'
import type { FaultyNetwork, LogServer } from './log-server.ts'

/** A database of its own on the tests' server. */
export async function makePostgresLogServer(): Promise<LogServer> {
  const database = await makeDatabase()
  const { sql } = database
  const targetOver = (network: FaultyNetwork | undefined) =>
    network ? { ...database.target, host: '127.0.0.1', port: portOf(network) } : database.target
  return {
    makeLog: ({ network, ...options } = {}) => makeLog({ target: targetOver(network) }, options),
    makeSiteLog: ({ network, ...options } = {}) =>
      makePostgresSiteLog({ target: targetOver(network), timeoutMs: 10_000, ...options }),
    makeRingLog: ({ network, ...options } = {}) =>
      makePostgresRingLog({ target: targetOver(network), timeoutMs: 10_000, ...options }),
    makeNetwork: () => makeFaultyNetwork(database),
    async copy() {
      await sql('DROP SCHEMA IF EXISTS backup CASCADE; CREATE SCHEMA backup')
      for (const table of tables) await sql(`CREATE TABLE backup.${table} AS SELECT * FROM ${table}`)
      return async () => {
        const restored = tables.map(
          (table) => `DELETE FROM ${table}; INSERT INTO ${table} OVERRIDING SYSTEM VALUE SELECT * FROM backup.${table}`,
        )
        await sql(byForce(restored.join('; ')))
      }
    },
    async replaceLog() {
      await sql(
        byForce(
          `${tables.map((table) => `DELETE FROM ${table}`).join('; ')}; UPDATE log_head SET log_id = 'another1', ring_sequence = 0`,
        ),
      )
    },
    async insertByHand(entry) {
      await sql('ALTER TABLE transactions DROP CONSTRAINT known_event_type, DROP CONSTRAINT value_where_put')
      const values = entry === 'of an unknown kind' ? `7, 'k', NULL, NULL, now(), 'd', false, NULL, 0` : strayDelete
      await sql(byForce(`INSERT INTO transactions SELECT sequence + 1, ${values} FROM end_of_log`))
    },
    refuseKey: async (key) =>
      void (await sql(`ALTER TABLE transactions ADD CONSTRAINT refused CHECK (key <> '${key}')`)),
    async refuseWrites() {
      await sql(`CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS
        $$ BEGIN RAISE EXCEPTION 'no space left on device' USING ERRCODE = 'disk_full'; END $$`)
      await sql('CREATE TRIGGER refuse BEFORE INSERT ON transactions EXECUTE FUNCTION refuse()')
      return async () => void (await sql('DROP TRIGGER refuse ON transactions'))
    },
    async refuseSessions() {
      await sql(`INSERT INTO kvs_migrations (version, name) VALUES (99, '099_future.sql')`)
    },
    advanceCheckpoint: async (tombstones) =>
      void (await sql('SELECT advance_checkpoint(1000000, $1)', [tombstones !== undefined])),
    setClockBack: async () =>
      void (await sql(
        byForce(`UPDATE transactions SET recorded_at = recorded_at + interval '1 hour', stamp = stamp + 3600000000,
          highest_stamp = highest_stamp + 3600000000`),
      )),
    damageCheckpoint: async () =>
      void (await sql(
        'DELETE FROM checkpoint_entries WHERE sequence = (SELECT min(sequence) FROM checkpoint_entries)',
      )),
  }
}

const tables = ['transactions', 'writers', 'answers']

const strayDelete = `1, 'k', NULL, NULL, now(), '', false, NULL, NULL`

type ProxiedNetwork = FaultyNetwork & { readonly port: number }

function portOf(network: FaultyNetwork): number {
  return (network as ProxiedNetwork).port
}

async function makeFaultyNetwork({ target }: Database): Promise<ProxiedNetwork> {
  const proxy = await startProxy({ host: '127.0.0.1', port: 0 }, { path: `${target.host}/.s.PGSQL.${target.port}` })
  onTestFinished(() => proxy.close())
  return {
    port: proxy.port,
    holdRequests: () => proxy.set({ holds: 'up' }),
    loseAnswers: () => proxy.set({ holds: 'down' }),
    fallSilent: () => proxy.set({ holds: 'both' }),
    cut: () => proxy.set({ isCut: true }),
    heal: () => proxy.set({}),
  }
}
