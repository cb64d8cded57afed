import { expect, test } from 'vitest'
import type { Rank } from '../../../../../kvs/core/rank.ts'
import { makeFakeSite } from '../../fake-site.ts'
import { serve } from '../../serve.ts'

async function serveSite() {
  const told: Rank[] = []
  const rejoin = async (rank: Rank) => void told.push(rank)
  const { url } = await serve({ site: { ...makeFakeSite(), rejoin } })
  return { told, tell: (query: string) => fetch(`${url}/sites/rejoin${query}`, { method: 'POST' }) }
}

test('a site is told the rank of the entry that has added it', async () => {
  const { told, tell } = await serveSite()
  expect((await tell('?stamp=1767232811213555&origin=cafe0123')).status).toBe(200)
  expect(told).toEqual([{ stamp: 1_767_232_811_213_555, origin: 'cafe0123', isExpiry: false }])
})

test.each([
  '',
  '?stamp=1',
  '?origin=cafe',
  '?stamp=0&origin=cafe',
  '?stamp=-1&origin=cafe',
  '?stamp=1.5&origin=cafe',
  '?stamp=soon&origin=cafe',
  `?stamp=${Number.MAX_SAFE_INTEGER}&origin=cafe`,
  '?stamp=1&origin=',
  '?stamp=1&origin=a%20b',
  `?stamp=1&origin=${'a'.repeat(65)}`,
])('%s is no rank of an entry', async (query) => {
  const { told, tell } = await serveSite()
  const answer = await tell(query)
  expect([answer.status, await answer.text()]).toEqual([
    400,
    expect.stringContaining('stamp has to be that of an entry'),
  ])
  expect(told).toEqual([])
})
