import { expect, test } from 'vitest'
import { KvsError } from '../../../../../kvs/core/errors.ts'
import { nowhere, type Position } from '../../../../../kvs/core/position.ts'
import {
  bucketCount,
  type DigestService,
  type Fingerprint,
  formatFingerprints,
  maxFingerprintBytes,
  mostFingerprints,
  parseDigests,
  parseUnlike,
  type Unlike,
} from '../../../../../kvs/kv/index.ts'
import { makeLogger } from '../../../../../kvs/logger/logger.ts'
import { makeManualClock } from '../../../sites/manual-clock.ts'
import { makeFakeSite } from '../../fake-site.ts'
import { bearer, guardOf, secretOf } from '../../guarded.ts'
import { serve } from '../../serve.ts'

const position = { sequences: new Map([['a', 3n]]), stamp: 5 }
const digests = Array.from({ length: bucketCount }, () => '0123456789abcdef')

async function serveDigests(options: Parameters<typeof serve>[0] = {}) {
  const asked: { readonly seen: Position; readonly fingerprints?: readonly Fingerprint[] }[] = []
  let failure: KvsError | undefined
  const service: DigestService = {
    async read(seen) {
      if (failure) throw failure
      asked.push({ seen })
      return digests
    },
    async compare(seen, fingerprints) {
      if (failure) throw failure
      asked.push({ seen, fingerprints })
      return { position, indices: [0, 1] }
    },
  }
  const served = await serve({ ...options, site: { ...makeFakeSite(), digests: service } })
  const post = (body: string, query = '?seen=a=3,b=4') =>
    fetch(`${served.url}/sites/digests${query}`, { method: 'POST', body, headers: { accept: 'application/json' } })
  return {
    ...{ ...served, asked, post },
    fail: (error: KvsError) => {
      failure = error
    },
  }
}

const fingerprints = ['k', 'ä'].map((key) => ({ key, stamp: 1_796_000_000_000_000, origin: 'a', checksum: 7 }))
const line = formatFingerprints(fingerprints.slice(0, 1))

/** A server whose service a test lets answer, and whose time passes by hand. */
async function serveSlowly(options: Parameters<typeof serve>[0] = {}) {
  const time = makeManualClock()
  const reading = Promise.withResolvers<readonly string[]>()
  const comparing = Promise.withResolvers<Unlike>()
  const asked = Promise.withResolvers<(() => void) | undefined>()
  const service: DigestService = {
    read() {
      asked.resolve(undefined)
      return reading.promise
    },
    compare(_seen, _fingerprints, requireWanted) {
      asked.resolve(requireWanted)
      return comparing.promise
    },
  }
  const served = await serve({ ...options, clock: time.clock, site: { ...makeFakeSite(), digests: service } })
  const url = `${served.url}/sites/digests`
  return { time, reading, comparing, asked: asked.promise, url }
}

/** The answer to a GET once its head is there. */
async function headOf({ url, asked, time }: Awaited<ReturnType<typeof serveSlowly>>, signal?: AbortSignal) {
  const answered = fetch(url, { signal: signal ?? null })
  await asked
  await time.pass(1_000, 100)
  const answer = await answered
  const body = answer.body ?? expect.fail('there is no body')
  return { answer, reader: body.pipeThrough(new TextDecoderStream()).getReader() }
}

async function restOf(reader: ReadableStreamDefaultReader<string>): Promise<string> {
  for (let text = ''; ; ) {
    const { done, value } = await reader.read()
    if (done) return text.trim()
    text += value
  }
}

test('a reading that takes long gives a sign of life every second until the digests are there', async () => {
  const served = await serveSlowly()
  const { answer, reader } = await headOf(served)
  expect([answer.status, answer.headers.get('content-type')]).toEqual([200, 'application/vnd.kvs.digests; version=1'])
  expect((await reader.read()).value).toBe('\n')
  for (let second = 0; second < 3; second++) {
    await served.time.pass(1_000, 100)
    expect((await reader.read()).value).toBe('\n')
  }
  served.reading.resolve(digests)
  expect(parseDigests(await restOf(reader))).toEqual(digests)
})

test('an error of a reading that has begun to be answered is named at the end of the body', async () => {
  const served = await serveSlowly()
  const { reader } = await headOf(served)
  served.reading.reject(new KvsError('draining'))
  const text = await restOf(reader)
  expect(() => parseDigests(text)).toThrow(/^ends without digests: the node is shutting down/)
})

test('a defect of a reading that has begun to be answered is logged and not told', async () => {
  const lines: { err: Error }[] = []
  const logger = makeLogger({ level: 'silent', format: 'json', isTerminal: false })
  logger.error = (fields: object) => void lines.push(fields as { err: Error })
  const served = await serveSlowly({ logger })
  const { reader } = await headOf(served)
  served.reading.reject(new Error('a secret'))
  expect(await restOf(reader)).toBe('error: an unexpected error; see the log')
  expect(lines).toMatchObject([{ err: { message: 'a secret' } }])
})

test('no sign of life is given where the client is gone', async () => {
  const served = await serveSlowly()
  const before = served.time.waiting
  const going = new AbortController()
  const { reader } = await headOf(served, going.signal)
  expect((await reader.read()).value).toBe('\n')
  expect(served.time.waiting).toBeGreaterThan(before)
  going.abort()
  await expect(reader.read()).rejects.toThrow()
  await expect.poll(() => served.time.waiting).toBe(before)
  served.reading.resolve(digests)
})

test('a comparison learns that its client is gone', async () => {
  const { url, asked } = await serveSlowly()
  const going = new AbortController()
  const answered = fetch(url, { method: 'POST', body: line, signal: going.signal })
  const requireWanted = (await asked) ?? expect.fail('it can not learn it')
  expect(requireWanted).not.toThrow()
  going.abort()
  await expect(answered).rejects.toThrow()
  await expect.poll(() => caught(requireWanted)).toBe('the client is gone')
})

function caught(act: () => void): string | undefined {
  try {
    act()
    return undefined
  } catch (error) {
    return String((error as Error).message)
  }
}

test('digests are given once the node has what the other site had', async () => {
  const { url, asked } = await serveDigests()
  const answer = await fetch(`${url}/sites/digests?seen=a=3,b=4,stamp=9`)
  expect([answer.status, answer.headers.get('content-type')]).toEqual([200, 'application/vnd.kvs.digests; version=1'])
  expect(parseDigests(await answer.text())).toEqual(digests)
  expect(asked).toEqual([{ seen: { sequences: new Map(Object.entries({ a: 3n, b: 4n })), stamp: 9 } }])
  await fetch(`${url}/sites/digests`)
  expect(asked[1]).toEqual({ seen: nowhere })
})

test('values of another site are compared, and what is unlike is named with the position', async () => {
  const { post, asked } = await serveDigests()
  const answer = await post(formatFingerprints(fingerprints))
  expect([answer.status, answer.headers.get('content-type')]).toEqual([200, 'application/vnd.kvs.digests; version=1'])
  expect(parseUnlike(await answer.text(), 2)).toEqual({ position, indices: [0, 1] })
  expect(asked).toEqual([{ seen: { sequences: new Map(Object.entries({ a: 3n, b: 4n })), stamp: 0 }, fingerprints }])
})

test.each([
  ['a page', '<html>', /line 1/],
  ['a key again', `${line}\n${line}`, /line 2 a key again; send each key once; nothing was compared$/],
  ['bytes', '\u0000\u0001', /line 1/],
  ['a key of 2 KiB', `1 a 00000000 ${'a'.repeat(2_048)}`, /line 1/],
  [
    'a line too many',
    Array(mostFingerprints + 1)
      .fill(line)
      .join('\n'),
    /more than 500 lines/,
  ],
])('a body is refused, and nothing compared: %s', async (_, body, sentence) => {
  const { post, asked } = await serveDigests()
  const answer = await post(body)
  expect([answer.status, await answer.json()]).toMatchObject([
    400,
    { code: 'bad_request', detail: expect.stringMatching(sentence) },
  ])
  expect(asked).toEqual([])
})

test('a body of more than there may be is refused before it is read', async () => {
  const { post, asked } = await serveDigests()
  const answer = await post(`${line}\n`.repeat((2 * maxFingerprintBytes) / line.length))
  expect([answer.status, await answer.json()]).toMatchObject([413, { code: 'value_too_large' }])
  expect(asked).toEqual([])
})

const parts = Array.from({ length: 101 }, (_, index) => `log${index}=1`).join()

test.each(['?seen=x', '?seen=a=-1', '?seen=a=1&seen=b=1', '?more=1', `?seen=${parts}`, `?seen=${'x'.repeat(5_000)}=1`])(
  'a query %.20j is refused',
  async (query) => {
    const { url, post, asked } = await serveDigests()
    for (const answer of [await fetch(`${url}/sites/digests${query}`), await post(line, query)])
      expect(answer.status).toBe(400)
    expect(asked).toEqual([])
  },
)

test.each(['not_ready', 'behind', 'removed', 'draining'] as const)('a refusal has its code: %s', async (code) => {
  const { url, post, fail } = await serveDigests()
  fail(new KvsError(code))
  const headers = { accept: 'application/json' }
  for (const answer of [await fetch(`${url}/sites/digests`, { headers }), await post(line)])
    expect(await answer.json()).toMatchObject({ code })
})

test('where the log is no site there is no such page', async () => {
  const { url } = await serve()
  expect((await fetch(`${url}/sites/digests`)).status).toBe(404)
})

test('a token with prefixes does not do: keys of others would show', async () => {
  const tokens = `site-b:replicate:${secretOf('site-b')} bounded:replicate:${secretOf('bounded')}:a/`
  const { url, asked } = await serveDigests({ guard: guardOf(tokens) })
  for (const method of ['GET', 'POST']) {
    const statusFor = async (name: string) =>
      (await fetch(`${url}/sites/digests`, { method, headers: bearer(name) })).status
    expect([await statusFor('site-b'), await statusFor('bounded')]).toEqual([200, 403])
  }
  expect(asked).toHaveLength(2)
})
