import { expect, test } from 'vitest'
import { KvsError } from '../../../../../kvs/core/errors.ts'
import { makeFakeRing } from '../../fake-ring.ts'
import { bearer, guardOf, secretOf } from '../../guarded.ts'
import { serveRing } from './ask.ts'

test.each([
  ['address=b:1', ['b:1'], undefined],
  ['address=b:1&confirm=12', ['b:1'], 12],
  ['address=b:1,c:1&confirm=999999999999999', ['b:1', 'c:1'], 999_999_999_999_999],
])('lost members are taken out as %s names them, and the member says what it knows then', async (form, ...asked) => {
  const { ask, get, ring: known } = await serveRing({}, makeFakeRing('a:1', [3_000, 'a:1']))
  expect(await ask('POST', '/ring/remove_lost', form)).toEqual(await get('/ring'))
  expect(await ask('POST', `/ring/remove_lost?${form}`, '')).toEqual(await get('/ring'))
  expect(known.asked).toEqual([
    ['remove lost', ...asked],
    ['remove lost', ...asked],
  ])
})

test.each([
  ['', 'the address is missing'],
  ['confirm=1', 'the address is missing'],
  ['address=', 'the address is "", and is to be IP:PORT'],
  ['address=b', 'the address is "b", and is to be IP:PORT'],
  ['address=b:1,', 'the address is "", and is to be IP:PORT'],
  ['address=b:1&confirm=', 'confirm is "", and is to be a version'],
  ['address=b:1&confirm=true', 'confirm is "true", and is to be a version'],
  ['address=b:1&confirm=0', 'confirm is "0", and is to be a version'],
  ['address=b:1&confirmed=1', 'there is no parameter "confirmed" here'],
  ['address=b:1&confirm=1&confirm=2', 'confirm is there twice, with different values'],
])('%s is refused', async (form, sentence) => {
  const { ask, ring: known } = await serveRing()
  const [status, answer] = await ask('POST', '/ring/remove_lost', form)
  expect([status, answer.slice(0, sentence.length)]).toEqual([400, sentence])
  expect(known.asked).toEqual([])
})

test.each(['If-Match: *', 'Idempotency-Key: "a"', 'KVS-Min-Position: cafe=1'])('%s is refused', async (header) => {
  const { url, ring: known } = await serveRing()
  const [name = '', value = ''] = header.split(': ')
  const answer = await fetch(`${url}/ring/remove_lost?address=b:1`, { method: 'POST', headers: { [name]: value } })
  expect([answer.status, await answer.text()]).toEqual([400, expect.stringMatching(/^\/ring\/remove_lost takes no /)])
  expect(known.asked).toEqual([])
})

test('what is to be confirmed is said with 409', async () => {
  const { ask, ring: known } = await serveRing()
  known.failure = new KvsError('confirmation_needed', 'send the same with confirm=12; nothing was changed')
  const answer = await ask('POST', '/ring/remove_lost', 'address=b:1')
  expect(answer).toEqual([409, 'send the same with confirm=12; nothing was changed\n'])
})

test('it takes the right admin', async () => {
  const rights = ['read', 'write', 'clear', 'replicate', 'admin']
  const tokens = rights.map((right) => `${right}:${right}:${secretOf(right)}`).join(' ')
  const { url, ring: known } = await serveRing({ guard: guardOf(tokens) })
  for (const name of rights) {
    const { status } = await fetch(`${url}/ring/remove_lost?address=b:1`, { method: 'POST', headers: bearer(name) })
    expect([name, status]).toEqual([name, name === 'admin' ? 200 : 403])
  }
  expect(known.asked.length).toBe(1)
})
