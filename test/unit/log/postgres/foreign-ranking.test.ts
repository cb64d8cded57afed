import { beforeEach, expect, test } from 'vitest'
import { type Database, makeDatabase, makeLog } from '../../../support/database.ts'

let database: Database
beforeEach(async () => {
  database = await makeDatabase()
})

const [writer, session] = ['cafe0000-0000-4000-8000-000000000001', 'cafe0000-0000-4000-8000-000000000002']

/** Entries of few keys, which the log ranks against all it has since 0. */
const appendBatch = `
  SELECT outcome FROM append_foreign('${writer}', '${session}', $1, $1 + $2, 0,
    array_fill(2::smallint, ARRAY[$2::int]), ARRAY(SELECT 'key-' || n % 5 FROM generate_series(1, $2) AS n),
    array_fill('v'::bytea, ARRAY[$2::int]), array_fill(NULL::text, ARRAY[$2::int]), NULL, NULL,
    ARRAY(SELECT 1000 + $1 + n FROM generate_series(1, $2) AS n), array_fill('zzzzzzzz'::text, ARRAY[$2::int]),
    ARRAY(SELECT $1 + n FROM generate_series(1, $2) AS n), array_fill(false, ARRAY[$2::int]))`

test('a batch is ranked in one pass, not each entry against each, for any plan of it', async () => {
  await (await makeLog(database).open()).close()
  const client = await database.connect()
  const plans: string[] = []
  client.on('notice', ({ message = '' }) => plans.push(message))
  await client.query(`LOAD 'auto_explain'`)
  await client.query(`SET auto_explain.log_min_duration = 0; SET auto_explain.log_nested_statements = on;
    SET auto_explain.log_analyze = on; SET client_min_messages = log; SET plan_cache_mode = force_generic_plan`)
  await client.query(`SELECT FROM register_writer('${writer}', '${session}', NULL)`)
  for (const after of [0, 200]) {
    plans.length = 0
    expect(
      (await client.query(`${appendBatch.replaceAll('$1', `${after}::bigint`).replaceAll('$2', '200::bigint')}`)).rows,
    ).toEqual([{ outcome: 'landed' }])
  }
  const ranking = plans.filter((plan) => plan.includes('asked.flag'))
  expect(ranking).toHaveLength(1)
  const loops = [...(ranking[0] ?? '').matchAll(/loops=(\d+)/g)].map(([, count]) => Number(count))
  expect(Math.max(...loops)).toBe(1)
  expect(ranking[0]).not.toMatch(/key = ANY/)
  await client.end()
})
