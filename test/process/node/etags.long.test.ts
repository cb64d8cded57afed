import { cpSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { makeClient } from '../../support/client.ts'
import { makeDirectory, type Node, startReadyNode } from '../../support/node.ts'
import { sequenceIn } from '../../support/tags.ts'

/** For the embedded Postgres of several nodes. */
const bound = { timeout: 120_000 }

type Dialect = (typeof dialects)[number]

const dialects = [
  { path: '/v1/plain', bodyOf: (value: string) => value, shownAs: (value: string) => value },
  {
    path: '/kvs/json',
    bodyOf: (value: string) => JSON.stringify({ value }),
    shownAs: (value: string) => JSON.stringify({ result: 'found', value }),
  },
]

/** Writes the value, and returns its ETag. */
async function write({ url }: Node, { path, bodyOf }: Dialect, value: string): Promise<string> {
  const { status, headers } = await makeClient()(url, { method: 'PUT', path, body: bodyOf(value) })
  expect([200, 201]).toContain(status)
  expect(headers.etag).toBeDefined()
  return headers.etag ?? ''
}

async function writeAll(node: Node, value: string): Promise<string[]> {
  const tags: string[] = []
  for (const dialect of dialects) tags.push(await write(node, dialect, value))
  return tags
}

/** A client that knows a tag from elsewhere is never told that it has this value, and never overwrites it. */
async function expectToMatchNothing({ url }: Node, dialect: Dialect, tag: string, value: string): Promise<void> {
  const call = makeClient()
  const { path, bodyOf, shownAs } = dialect
  const current = (await call(url, { path })).headers.etag
  for (const condition of [tag, `W/${tag}`, `"another", ${tag}`]) {
    const read = await call(url, { path, headers: { 'If-None-Match': condition } })
    expect([read.status, read.body, read.headers.etag]).toEqual([200, shownAs(value), current])
    for (const method of ['GET', 'PUT', 'DELETE']) {
      const body = method === 'PUT' ? { body: bodyOf('overwritten') } : {}
      const refused = await call(url, { method, path, headers: { 'If-Match': condition }, ...body })
      expect([method, refused.status, refused.headers.etag]).toEqual([method, 412, current])
    }
  }
  const written = await call(url, { method: 'PUT', path, headers: { 'If-None-Match': tag }, body: bodyOf(value) })
  expect([200, 201]).toContain(written.status)
}

/** A client that knows this very value is told so, and may overwrite it; and `*` means any. */
async function expectToMatch({ url }: Node, dialect: Dialect, tag: string): Promise<void> {
  const call = makeClient()
  const { path, bodyOf } = dialect
  for (const condition of [tag, `W/${tag}`, `"another", ${tag}`, '*']) {
    const known = await call(url, { path, headers: { 'If-None-Match': condition } })
    expect([known.status, known.headers.etag, known.body]).toEqual([304, tag, ''])
    const refused = { method: 'PUT', path, headers: { 'If-None-Match': condition }, body: bodyOf('overwritten') }
    expect([condition, (await call(url, refused)).status]).toEqual([condition, 412])
  }
  const weak = await call(url, { path, headers: { 'If-Match': `W/${tag}` } })
  expect([weak.status, weak.headers.etag]).toEqual([412, tag])
  const written = await call(url, { method: 'PUT', path, headers: { 'If-Match': tag }, body: bodyOf('x') })
  expect([200, 201]).toContain(written.status)
  expect(written.headers.etag).not.toBe(tag)
}

test('an ETag matches nothing in a log that was made anew, though its value has the same sequence', bound, async () => {
  const before = await startReadyNode(makeDirectory())
  const tags = await writeAll(before, 'known')
  await stop(before)
  const anew = await startReadyNode(makeDirectory())
  const others = await writeAll(anew, 'never seen')
  expect(others.map(sequenceIn)).toEqual(tags.map(sequenceIn))
  for (const [n, dialect] of dialects.entries()) {
    await expectToMatchNothing(anew, dialect, tags[n] ?? '', 'never seen')
    await expectToMatchNothing(anew, dialect, `"${n + 1}"`, 'never seen')
    await expectToMatch(anew, dialect, await write(anew, dialect, 'new'))
  }
})

test(
  'an ETag of what a restored log has lost matches nothing in it, and one of what it has kept the same',
  bound,
  async () => {
    const directory = makeDirectory()
    const first = await startReadyNode(directory)
    const kept = await writeAll(first, 'kept')
    await stop(first)
    const restored = makeDirectory()
    cpSync(join(directory, 'data'), join(restored, 'data'), { recursive: true, preserveTimestamps: true })

    const second = await startReadyNode(directory)
    const lost = await writeAll(second, 'lost')
    const position = await positionOf(second)
    await stop(second)

    const node = await startReadyNode(restored)
    for (const [n, { path }] of dialects.entries()) {
      const known = await makeClient()(node.url, { path, headers: { 'If-None-Match': kept[n] ?? '' } })
      expect([known.status, known.headers.etag]).toEqual([304, kept[n]])
    }
    const others = await writeAll(node, 'never seen')
    expect(await positionOf(node)).toBe(position)
    expect(others.map(sequenceIn)).toEqual(lost.map(sequenceIn))
    for (const [n, dialect] of dialects.entries()) {
      for (const tag of [lost[n] ?? '', kept[n] ?? '', `"${sequenceIn(others[n])}"`]) {
        await expectToMatchNothing(node, dialect, tag, 'never seen')
      }
    }
  },
)

async function positionOf({ url }: Node): Promise<string | undefined> {
  return (await makeClient()(url, { path: '/v1/plain' })).headers['kvs-position']
}

async function stop(node: Node): Promise<void> {
  node.kill('SIGTERM')
  expect(await node.ended).toBe(0)
}
