import { waitFor } from '../../lab/polling.ts'
import { type Context, type Drill, isServing } from '../drill.ts'
import { stop } from './processes.ts'

const busy = `SELECT 1 FROM pg_stat_activity WHERE application_name = 'kvs' AND wait_event_type = 'Lock'`

/**
 * Half of the time a plain restart; else Postgres ends at once in the midst of an append, which had been held up by a
 * lock and let go just now, so that it may have been committed or not.
 */
export async function restart(context: Context): Promise<void> {
  const { stack, random, pause, lasting, becomes, signal } = context
  if (random.chance(0.5)) return stop(context, 'postgres')
  await becomes(isServing, 20) // or there is no append to hold up
  const client = await stack.connect()
  try {
    await lasting('restart mid-commit', async () => {
      await client.query('BEGIN; LOCK TABLE log_head')
      await waitFor(async () => ((await client.query(busy)).rowCount ?? 0) > 0, { boundMs: 2_000, signal })
      await client.query('COMMIT')
      await pause(0, 0.005)
      await stack.crashPostgres()
      await stack.start('postgres')
    })
  } finally {
    await client.end().catch(() => undefined)
  }
}

export async function terminate(context: Context): Promise<void> {
  const { stack, random, pause, moment } = context
  const client = await stack.connect()
  try {
    for (let times = random.integer(1, 5); times > 0; times--) {
      await client.query(`SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'kvs'`)
      moment('terminate backends')
      await pause(0, 0.8)
    }
  } finally {
    await client.end()
  }
}

export async function lock(context: Context): Promise<void> {
  const { stack, random, pause, lasting } = context
  const table = random.pick(['transactions', 'log_head', 'writers'])
  const client = await stack.connect()
  try {
    await lasting(`lock ${table}`, async () => {
      await client.query(`BEGIN; LOCK TABLE ${table} IN ACCESS EXCLUSIVE MODE`)
      // POSTGRES_TIMEOUT is 2 s: some of it is noticed, some is not.
      await pause(0.3, 5)
      await client.query('ROLLBACK')
    })
  } finally {
    await client.end()
  }
}

export const postgresDrills: readonly Drill[] = [
  {
    name: 'restart-postgres',
    sentence: 'Postgres is restarted, half of the time by a crash in the midst of a commit.',
    fault: restart,
  },
  {
    name: 'terminate-backends',
    sentence: 'The node’s connections are ended by pg_terminate_backend, several times in a row.',
    fault: terminate,
  },
  {
    name: 'lock-table',
    sentence: 'Somebody locks one of the log’s tables for a while, and nobody else gets at it.',
    fault: lock,
  },
]
