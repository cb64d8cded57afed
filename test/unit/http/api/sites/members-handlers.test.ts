import { expect, test } from 'vitest'
import { KvsError } from '../../../../../kvs/core/errors.ts'
import { makeFakeMembers, makeFakeSite } from '../../fake-site.ts'
import { bearer, guardOf, secretOf } from '../../guarded.ts'
import { refused, serveForms } from './ask.ts'

const success = (msg: string) => [200, { result: 'Success', msg }]

test('a site is shown, added once, and removed once', async () => {
  const { ask } = await serveForms({ site: makeFakeSite(makeFakeMembers('b:8080', 'a:8080')) })
  expect(await ask('GET', '/view')).toEqual([200, { view: 'a:8080,b:8080' }])
  expect(await ask('PUT', '/view', 'ip_port=10.0.0.2:8080')).toEqual(
    success('Successfully added 10.0.0.2:8080 to view'),
  )
  expect(await ask('PUT', '/view?ip_port=10.0.0.2:8080')).toEqual(refused(404, '10.0.0.2:8080 is already in view'))
  expect(await ask('GET', '/view')).toEqual([200, { view: '10.0.0.2:8080,a:8080,b:8080' }])
  expect(await ask('DELETE', '/view', 'ip_port=b%3A8080')).toEqual(success('Successfully removed b:8080 from view'))
  expect(await ask('DELETE', '/view?ip_port=b:8080')).toEqual(refused(404, 'b:8080 is not in current view'))
  expect(await ask('GET', '/view')).toEqual([200, { view: '10.0.0.2:8080,a:8080' }])
})

test('a view of nobody is empty, and HEAD has no body', async () => {
  const { ask } = await serveForms({ site: makeFakeSite(makeFakeMembers()) })
  expect(await ask('GET', '/view')).toEqual([200, { view: '' }])
  expect(await ask('HEAD', '/view')).toEqual([200, undefined])
})

test('without members there is no view', async () => {
  const { ask } = await serveForms()
  const nowhere = refused(404, 'this node is in no group of sites: neither KVS_PEERS nor VIEW is set')
  expect(await ask('GET', '/view')).toEqual(nowhere)
  expect(await ask('PUT', '/view', 'ip_port=a:1')).toEqual(nowhere)
  expect(await ask('DELETE', '/view', 'nonsense')).toEqual(nowhere)
})

test.each([
  ['', 'the address of a site is missing: send ip_port=HOST:PORT; nothing was done'],
  ['ip_port=', 'ip_port is "", and is to be HOST:PORT, such as 10.0.0.2:8080; nothing was done'],
  ['ip_port=a', 'ip_port is "a", and is to be HOST:PORT, such as 10.0.0.2:8080; nothing was done'],
  ['ip_port=10.2:8080', expect.stringContaining('is to be HOST:PORT')],
  ['ip_port=a:0', expect.stringContaining('is to be HOST:PORT')],
  ['ip_port=a:1,b:1', expect.stringContaining('is to be HOST:PORT')],
  ['ip_port=http://a:1', expect.stringContaining('is to be HOST:PORT')],
  ['ip_port=%ff:1', 'ip_port is not percent-encoded UTF-8; nothing was done'],
  ['ip_port=a:1&type=add', 'there is no parameter "type" here: ip_port is taken; nothing was done'],
])('%j is refused', async (body, msg) => {
  const members = makeFakeMembers('a:1')
  const { ask } = await serveForms({ site: makeFakeSite(members) })
  for (const method of ['PUT', 'DELETE']) expect(await ask(method, '/view', body)).toEqual(refused(400, msg))
  expect(members.list()).toEqual(['a:1'])
})

test('what nothing would come of is refused: parameters of GET, conditions, other methods', async () => {
  const { ask } = await serveForms({ site: makeFakeSite(makeFakeMembers()) })
  expect(await ask('GET', '/view?ip_port=a:1')).toEqual(
    refused(400, 'there is no parameter "ip_port" here: none is taken; nothing was done'),
  )
  for (const header of ['If-Match: *', 'Idempotency-Key: a', 'KVS-TTL: 5m', 'KVS-Min-Position: cafe0123=1']) {
    expect(await ask('PUT', '/view', 'ip_port=a:1', `${header}\r\n`)).toEqual(
      refused(400, expect.stringContaining('/view takes no conditions')),
    )
  }
  expect((await ask('POST', '/view', 'ip_port=a:1'))[0]).toBe(405)
  expect((await ask('PUT', '/view', `ip_port=${'a'.repeat(70_000)}`))[0]).toBe(413)
})

test('an error keeps its status', async () => {
  const members = makeFakeMembers()
  members.failure = new KvsError('log_down')
  const { ask } = await serveForms({ site: makeFakeSite(members) })
  const down = refused(503, 'the log can’t be reached now; nothing was done')
  expect(await ask('PUT', '/view', 'ip_port=a:1')).toEqual(down)
  expect(await ask('DELETE', '/view', 'ip_port=a:1')).toEqual(down)
})

test('the view asks for the right admin', async () => {
  const tokens = ['read', 'write', 'admin'].map((right) => `${right}:${right}:${secretOf(right)}`)
  const { url } = await serveForms({ site: makeFakeSite(makeFakeMembers()), guard: guardOf(tokens.join(' ')) })
  for (const method of ['GET', 'PUT', 'DELETE']) {
    const target = `${url}/view${method === 'GET' ? '' : '?ip_port=a:1'}`
    expect((await fetch(target, { method })).status).toBe(401)
    expect((await fetch(target, { method, headers: bearer('read') })).status).toBe(403)
    expect((await fetch(target, { method, headers: bearer('write') })).status).toBe(403)
    expect((await fetch(target, { method, headers: bearer('admin') })).status).toBe(200)
  }
})
