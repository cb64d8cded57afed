import { expect, test } from 'vitest'
import { count } from '../../support/count.ts'
import { makeDatabase } from '../../support/database.ts'
import { embeddedPid, makeDirectory, startReadyNode, toEnvironment } from '../../support/node.ts'
import { text as get, put, status } from '../../support/requests.ts'
import { sequenceOf } from '../../support/tags.ts'
import { until } from '../../support/until.ts'

test('a node starts its embedded Postgres again when that is killed, and loses nothing', async () => {
  const directory = makeDirectory()
  const node = await startReadyNode(directory)
  await put(node, 'a', '1')
  const pid = embeddedPid(directory) ?? Number.NaN
  process.kill(pid, 'SIGKILL')
  // until its last backends notice that they are orphans, they answer
  await until('it is noticed', () => node.output().includes('the log is down'))
  expect((await put(node, 'b', '2')).ok).toBe(true)
  expect([await get(node, 'a'), await get(node, 'b')]).toEqual(['1', '2'])
  await until('it serves again', async () => (await status(node)).state === 'serving')
  expect(embeddedPid(directory)).not.toBe(pid)
  expect(node.output()).toMatch(/the log is back after/)
})

test('told to refuse, a node holds a log that takes no writes for down until it takes one', async () => {
  const database = await makeDatabase()
  const node = await startReadyNode(makeDirectory(), {
    ...toEnvironment(database.target),
    KVS_APPEND_TIMEOUT: '1s',
    KVS_WHEN_LOG_IS_DOWN: 'refuse',
  })
  await put(node, 'a', 'before')
  await database.sql(`CREATE FUNCTION full_disk() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN RAISE EXCEPTION 'No space left on device' USING ERRCODE = 'disk_full'; END $$`)
  await database.sql('CREATE TRIGGER full_disk BEFORE INSERT ON transactions EXECUTE FUNCTION full_disk()')
  // undecided where the timeout strikes in the midst of another try
  const refused = await put(node, 'a', 'while full')
  expect([refused.status, await refused.text()]).toEqual([
    503,
    expect.stringMatching(/nothing was stored|may or may not/),
  ])
  expect(await status(node)).toMatchObject({ state: 'log down', reason: 'No space left on device' })
  expect(await get(node, 'a')).toBe('before')
  await database.sql('DROP TRIGGER full_disk ON transactions')
  const taken = await until('a write is taken', async () => {
    const answer = await put(node, 'b', 'after')
    return answer.status === 201 && answer
  })
  expect(sequenceOf(taken)).toBe(2n) // what was refused never came
  expect((await status(node)).state).toBe('serving')
  expect(count(node.output(), /the log is down/)).toBe(1)
  expect(count(node.output(), /the log is back/)).toBe(1)
})
