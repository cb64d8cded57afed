import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { expect, onTestFinished, test } from 'vitest'
import { makeRequester } from '../../../../../tools/drill/workload/request.ts'
import { largestValue, makeValue, readValue, smallestValue } from '../../../../../tools/drill/workload/value.ts'
import { freePort } from '../../../../../tools/lab/ports.ts'

const value = makeValue('3-14', 1_000)

/** What a client makes of a server that answers like this. */
async function requesterFor(answer: (response: ServerResponse, request: IncomingMessage) => void) {
  const server = createServer((request, response) => {
    request.resume().on('end', () => answer(response, request))
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const requester = makeRequester(`http://127.0.0.1:${(server.address() as AddressInfo).port}`, 300)
  onTestFinished(() => {
    requester.close()
    server.closeAllConnections()
    server.close()
  })
  return requester
}

const problem = (code: string) => (response: ServerResponse) =>
  void response.writeHead(503).end(JSON.stringify({ code }))

test.each([smallestValue, 51, 1_000, largestValue])(
  'a value of %i bytes is read back, and not with a byte changed',
  (size) => {
    const whole = makeValue('7-42', size)
    expect(whole).toHaveLength(size)
    expect(readValue(whole)).toBe('7-42')
    for (const at of [0, 16, 17, size >> 1, size - 1]) {
      const torn = Buffer.from(whole)
      torn[at] = (torn[at] ?? 0) ^ 1
      expect(readValue(torn)).toBeUndefined()
    }
    expect(readValue(whole.subarray(0, -1))).toBeUndefined()
    expect(readValue(Buffer.concat([whole, Buffer.from('x')]))).toBeUndefined()
  },
)

test.each([
  [
    '201',
    (response: ServerResponse) => void response.writeHead(201, { etag: '"cafe0123-12-9f86d081"' }).end(),
    { outcome: 'ok', sequence: 12, tag: '"cafe0123-12-9f86d081"' },
  ],
  [
    '202',
    (response: ServerResponse) =>
      void response.writeHead(202, { 'kvs-position': 'cafe0123=7', 'kvs-durability': 'spooled' }).end(),
    { outcome: 'ok', position: 7, positionText: 'cafe0123=7', isSpooled: true },
  ],
  [
    '412',
    (response: ServerResponse) =>
      void response.writeHead(412, { etag: '"cafe0123-9-00000000"' }).end('{"code":"condition_failed"}'),
    { outcome: 'failed', status: 412, sequence: 9, error: 'condition_failed' },
  ],
  ['not_stored', problem('not_stored'), { outcome: 'failed' }],
  ['overloaded', problem('overloaded'), { outcome: 'failed' }],
  ['not_ready', problem('not_ready'), { outcome: 'failed' }],
  ['spool_full', problem('spool_full'), { outcome: 'failed' }],
  ['log_down', problem('log_down'), { outcome: 'failed', error: 'log_down' }],
  ['behind', problem('behind'), { outcome: 'failed', error: 'behind' }],
  ['undecided', problem('undecided'), { outcome: 'unknown', error: 'undecided' }],
  ['draining', problem('draining'), { outcome: 'unknown' }],
  [
    'a 503 without a code',
    (response: ServerResponse) => void response.writeHead(503).end('busy'),
    { outcome: 'unknown' },
  ],
  ['500', (response: ServerResponse) => void response.writeHead(500).end(), { outcome: 'unknown' }],
  ['413', (response: ServerResponse) => void response.writeHead(413).end(), { outcome: 'failed' }],
  ['no answer in time', () => undefined, { outcome: 'unknown', status: 0, error: 'late' }],
  [
    'a connection that breaks',
    (response: ServerResponse) => void response.destroy(),
    { outcome: 'unknown', status: 0, error: 'reset' },
  ],
])('a write: %s', async (_, answer, expected) => {
  const requester = await requesterFor(answer)
  expect(await requester.put('a/b', value)).toMatchObject(expected)
})

test.each([
  [
    '200',
    (response: ServerResponse) => void response.setHeader('etag', '"cafe0123-12-9f86d081"').end(value),
    { outcome: 'ok', value: '3-14', sequence: 12 },
  ],
  [
    '404',
    (response: ServerResponse) => void response.writeHead(404).end('no such key'),
    { outcome: 'ok', value: null },
  ],
  ['other bytes', (response: ServerResponse) => void response.end(value.subarray(1)), { outcome: 'torn', status: 200 }],
  ['503', problem('not_ready'), { outcome: 'failed' }],
  ['an answer cut short', breakOff, { outcome: 'failed', status: 0 }],
])('a read: %s', async (_, answer, expected) => {
  const requester = await requesterFor(answer)
  expect(await requester.get('a/b')).toMatchObject(expected)
})

function breakOff(response: ServerResponse): void {
  response.writeHead(200, { 'content-length': value.length })
  response.write(value.subarray(0, 100), () => response.destroy())
}

test('what nobody listens to was never sent', async () => {
  const requester = makeRequester(`http://127.0.0.1:${await freePort()}`, 300)
  expect(await requester.put('a', value)).toMatchObject({ outcome: 'failed', status: 0, error: 'refused' })
  expect(await requester.get('a')).toMatchObject({ outcome: 'failed', status: 0 })
})

test.each([
  [{}, '/v1/a%2Fb', {}],
  [{ isConsistent: true, minPosition: 'cafe0123=7' }, '/v1/a%2Fb?consistent', { 'kvs-min-position': 'cafe0123=7' }],
  [{ condition: 12, tag: '"a-12-b"' }, '/v1/a%2Fb', { 'if-match': '"a-12-b"' }],
  [{ condition: 'present' as const }, '/v1/a%2Fb', { 'if-match': '*' }],
  [{ condition: 'absent' as const }, '/v1/a%2Fb', { 'if-none-match': '*' }],
])('%j is asked for as %s, %j', async (demands, url, headers) => {
  const asked: IncomingMessage[] = []
  const requester = await requesterFor((response, request) => {
    asked.push(request)
    response.end(value)
  })
  expect(await requester.get('a/b', demands)).toMatchObject({ outcome: 'ok' })
  expect(asked[0]?.url).toBe(url)
  const wanted = ['kvs-min-position', 'if-match', 'if-none-match']
  const sent = Object.entries(asked[0]?.headers ?? {}).filter(([name]) => wanted.includes(name))
  expect(Object.fromEntries(sent)).toEqual(headers)
})
