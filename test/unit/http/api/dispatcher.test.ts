import { expect, test } from 'vitest'
import { KvsError } from '../../../../kvs/core/errors.ts'
import { makeDispatcher } from '../../../../kvs/http/api/dispatcher.ts'
import type { Handle, RouteTable } from '../../../../kvs/http/api/route.ts'
import { Broken } from '../../../../kvs/http/exchange/body-receiver.ts'
import { makeLogger } from '../../../../kvs/logger/logger.ts'
import { headerIn, makeRequest } from '../fake-request.ts'
import { guardOf, secretOf } from '../guarded.ts'

const ok: Handle = () => ({ status: 200, headers: [], body: 'ok' })

function start(routes: RouteTable, options: Partial<Parameters<typeof makeDispatcher>[0]> = {}) {
  const errors: unknown[] = []
  const silent = makeLogger({ level: 'silent', format: 'json', isTerminal: false })
  const error = (fields: object, message: string) => void errors.push({ ...fields, message })
  const logger = Object.assign(silent, { error })
  const dispatch = makeDispatcher({ routes, logger, guard: undefined, position: () => 'log=1', ...options })
  const ask = async (method: string, target: string, headers: string[] = [], changes = {}) => {
    const request = Object.assign(makeRequest(method, target, headers), changes)
    dispatch(request)
    await new Promise((resolve) => setImmediate(resolve))
    return request
  }
  return { ask, errors }
}

test('handlers are carried by a wire that knows nothing of Node’s classes', async () => {
  const later: Handle = async () => ({ status: 202, headers: [], body: undefined })
  const { ask } = start({ '/a/*': { methods: { GET: ok, PUT: later }, rights: 'open' } })
  expect((await ask('GET', '/a/b')).replies).toMatchObject([{ status: 200, body: 'ok' }])
  const put = await ask('PUT', '/a/b')
  expect(put.replies).toMatchObject([{ status: 202 }])
  expect(put.telemetry.route).toBe('/a/*')
})

test('what a handler throws goes back as an error with the position, in the looks of its route', async () => {
  const fail: Handle = () => {
    throw new KvsError('no_such_key')
  }
  const reject: Handle = () => Promise.reject(new KvsError('behind'))
  const renderError = () => ['x/y', 'looks'] as const
  const { ask, errors } = start({ '/a': { methods: { GET: fail, PUT: reject }, rights: 'open', renderError } })
  for (const [method, status, code] of [
    ['GET', 404, 'no_such_key'],
    ['PUT', 503, 'behind'],
  ] as const) {
    const { replies, telemetry } = await ask(method, '/a')
    expect(replies).toMatchObject([{ status, body: 'looks' }])
    expect(replies.map((reply) => headerIn(reply, 'kvs-position'))).toEqual(['log=1'])
    expect(telemetry.code).toBe(code)
  }
  expect(errors).toEqual([])
})

test('a defect is logged; a reply that has begun breaks off; a client that is gone gets none', async () => {
  const defect = new TypeError('a defect')
  const fail: Handle = () => Promise.reject(defect)
  const leave: Handle = () => Promise.reject(new Broken('gone'))
  const { ask, errors } = start({ '/a': { methods: { GET: fail, PUT: leave }, rights: 'open' } })
  const { replies } = await ask('GET', '/a?secret')
  expect(replies).toMatchObject([{ status: 500, body: 'an unexpected error; see the log\n' }])
  expect(errors).toMatchObject([{ err: defect, message: 'GET /a failed' }])
  let aborted = 0
  const begun = await ask('GET', '/a', [], { isReplying: true, abort: () => aborted++ })
  expect([begun.replies, aborted]).toEqual([[], 1])
  expect(errors).toMatchObject([{}, { err: defect, message: 'an answer broke off' }])
  expect((await ask('PUT', '/a')).replies).toEqual([])
})

test('a fallback takes the methods and paths that have no handler, for its own right', async () => {
  const forward: Handle = () => ({ status: 299, headers: [], body: undefined })
  const routes: RouteTable = {
    '/open': { methods: { GET: ok }, rights: 'open', fallback: { handle: forward, right: 'admin' } },
    '/*': { methods: {}, rights: {}, fallback: { handle: forward, right: 'write' } },
  }
  const guard = guardOf(['read', 'write', 'admin'].map((right) => `${right}:${right}:${secretOf(right)}`).join(' '))
  const { ask } = start(routes, { guard })
  const statusOf = async (method: string, path: string, name?: string) => {
    const headers = name === undefined ? [] : ['Authorization', `Bearer ${secretOf(name)}`]
    const { replies, telemetry } = await ask(method, path, headers)
    return [replies[0]?.status, telemetry.route]
  }
  expect(await statusOf('GET', '/open')).toEqual([200, '/open'])
  expect(await statusOf('PUT', '/open')).toEqual([401, '/open'])
  expect(await statusOf('PUT', '/open', 'write')).toEqual([403, '/open'])
  expect(await statusOf('PUT', '/open', 'admin')).toEqual([299, '/open'])
  expect(await statusOf('GET', '/elsewhere')).toEqual([401, 'other'])
  expect(await statusOf('GET', '/elsewhere', 'read')).toEqual([403, 'other'])
  expect(await statusOf('GET', '/elsewhere', 'write')).toEqual([299, 'other'])
})

test('a refusal comes before any question about the caller', async () => {
  const guard = guardOf(`read:read:${secretOf('read')}`)
  const { ask } = start(
    { '/a': { methods: { GET: ok }, rights: { GET: 'read' } } },
    {
      guard,
      refusalOf: ({ query }) => (query === 'loop' ? new KvsError('loop_detected') : undefined),
      renderRefusal: (error) => ['x/y', error.code] as const,
    },
  )
  expect((await ask('GET', '/a?loop')).replies).toMatchObject([{ status: 508, body: 'loop_detected' }])
  expect((await ask('GET', '/a', ['Host', 'y'])).replies).toMatchObject([{ status: 400, body: 'bad_request' }])
  expect((await ask('GET', '/a')).replies).toMatchObject([{ status: 401 }])
})
