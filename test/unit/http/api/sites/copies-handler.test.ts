import { expect, test } from 'vitest'
import { KvsError } from '../../../../../kvs/core/errors.ts'
import type { AskedCopy } from '../../../../../kvs/kv/index.ts'
import { makeFakeSite } from '../../fake-site.ts'
import { serve } from '../../serve.ts'

test('another site is told which log answers, and how far it has its entries', async () => {
  const asked: AskedCopy[] = []
  const copyOf = async (one: AskedCopy) => {
    asked.push(one)
    return { holder: 'here', sequence: 2n ** 63n - 1n, stamp: asked.length === 1 ? 70 : undefined }
  }
  const { url } = await serve({ site: { ...makeFakeSite(), copyOf } })
  const answer = await fetch(`${url}/sites/copies?log=there&sequence=7`)
  expect([answer.status, answer.headers.get('content-type')]).toEqual([200, 'application/json'])
  expect(await answer.json()).toEqual({ log: 'here', sequence: '9223372036854775807', stamp: 70 })
  expect(asked).toEqual([{ log: 'there', sequence: 7n }])
  const unknown = await fetch(`${url}/sites/copies?log=there&sequence=7`)
  expect(await unknown.json()).toMatchObject({ stamp: null })
})

test.each([
  ['', 400, 'log has to be the id of the log that asks'],
  ['?log=there', 400, 'sequence has to be a number'],
  ['?log=there&sequence=-1', 400, 'sequence has to be a number'],
  ['?log=there&sequence=12345678901234567890', 400, 'sequence has to be a number'],
  ['?log=a%20b&sequence=1', 400, 'log has to be the id'],
  ['?log=there&sequence=1&seen=a=1', 400, 'knows no query "seen"'],
  ['?log=there&sequence=1', 409, 'taken out'],
])('%s is %i', async (query, status, sentence) => {
  const copyOf = () => Promise.reject(new KvsError('removed'))
  const { url } = await serve({ site: { ...makeFakeSite(), copyOf } })
  const answer = await fetch(`${url}/sites/copies${query}`)
  expect([answer.status, await answer.text()]).toEqual([status, expect.stringContaining(sentence)])
})

test('there is no such page where the log is no site', async () => {
  const { url } = await serve()
  expect((await fetch(`${url}/sites/copies?log=there&sequence=1`)).status).toBe(404)
})
