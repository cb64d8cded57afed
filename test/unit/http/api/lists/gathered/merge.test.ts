import { expect, test } from 'vitest'
import { allSlots } from '../../../../../../kvs/core/ring/slot-ranges.ts'
import { Merge, mergedChunks } from '../../../../../../kvs/http/api/lists/gathered/merge.ts'
import { maxLineBytes, PartItems } from '../../../../../../kvs/http/api/lists/gathered/part-items.ts'
import { makeListHandlers } from '../../../../../../kvs/http/api/lists/list-handlers.ts'
import { makeListShares } from '../../../../../../kvs/http/api/lists/list-shares.ts'
import { formFor, maxChunkBytes } from '../../../../../../kvs/http/api/lists/list-text.ts'
import type { Part } from '../../../../../../kvs/http/api/routing.ts'
import type { BodySink, StreamedBody } from '../../../../../../kvs/http/exchange/reply.ts'
import { makeBytesHold } from '../../../../../../kvs/http/exchange/reply-memory.ts'
import { makeMemoryBudget } from '../../../../../../kvs/memory/memory-budget.ts'
import { until } from '../../../../../support/until.ts'
import { makeRequest } from '../../../fake-request.ts'
import { makeFakeStore } from '../../../serve.ts'

const asArray = formFor(makeRequest('GET', '/v1/:'))

function itemsOf(chunks: readonly (string | Buffer)[], shows: 'keys' | 'values' = 'keys'): PartItems {
  const bytes = chunks.map((chunk) => Buffer.from(chunk as string))
  return new PartItems({ address: 'a:1', chunks: asyncOf(bytes), shows })
}

async function* asyncOf(chunks: Iterable<Buffer>): AsyncGenerator<Buffer, undefined> {
  yield* chunks
}

async function textOf(parts: readonly PartItems[]): Promise<string> {
  const chunks: Buffer[] = []
  for await (const chunk of mergedChunks(new Merge(parts), asArray)) chunks.push(chunk)
  return Buffer.concat(chunks).toString()
}

const linesOf = (keys: readonly string[]) => keys.map((key) => `${JSON.stringify(key)}\n`).join('')

test('keys are merged in the byte order of their UTF-8, in which surrogate pairs come last', async () => {
  const inOrder = ['', '\t', '"', 'Z', '\\', 'a', 'ab', 'é', '\ud7ff', '\ue000', '\uffff', '😀', '\u{10ffff}']
  for (let members = 1; members <= 4; members++) {
    const parts = Array.from({ length: members }, (_, n) => inOrder.filter((_, at) => at % members === n))
    expect(JSON.parse(await textOf(parts.map((keys) => itemsOf([linesOf(keys)]))))).toEqual(inOrder)
    // The other way round, and with each byte in a chunk of its own.
    const bytes = parts.toReversed().map((keys) => Array.from(Buffer.from(linesOf(keys)), (byte) => Buffer.of(byte)))
    expect(JSON.parse(await textOf(bytes.map((chunks) => itemsOf(chunks))))).toEqual(inOrder)
  }
})

test('a name that several parts have is there once', async () => {
  const parts = [
    ['a/', 'b', 'c/'],
    ['a/', 'c/'],
    ['c/', 'd'],
  ].map((names) => itemsOf([linesOf(names)]))
  expect(await textOf(parts)).toBe('["a/","b","c/","d"]\n')
})

test('there may be nothing', async () => {
  expect(await textOf([])).toBe('[]\n')
  expect(await textOf([itemsOf([]), itemsOf([''])])).toBe('[]\n')
})

test('a line without an end is refused before it fills the memory', async () => {
  let taken = 0
  const endless = function* () {
    for (;;) {
      taken += 1024 * 1024
      yield Buffer.alloc(1024 * 1024, '"')
    }
  }
  const part = new PartItems({ address: 'a:1', chunks: asyncOf(endless()), shows: 'keys' })
  await expect(part.advance()).rejects.toThrow('a:1 does not answer as a member of the ring does: a line is too long')
  expect(taken).toBeLessThanOrEqual(maxLineBytes + 1024 * 1024)
})

/** A node in a ring whose one other member sends endless keys, and tells how much of them was taken. */
function listOfEndless() {
  const store = makeFakeStore()
  store.lists.owns = allSlots
  const member = { chunks: 0, hasEnded: false }
  async function* endless(): AsyncGenerator<Buffer, undefined> {
    try {
      for (let n = 0; ; n++) {
        member.chunks++
        yield Buffer.from(
          linesOf(Array.from({ length: 500 }, (_, at) => `k-${String(n * 500 + at).padStart(100, '0')}`)),
        )
      }
    } finally {
      member.hasEnded = true
    }
  }
  const headers = new Map([
    ['content-type', 'application/x-ndjson'],
    ['kvs-position', 'beef=1'],
    ['kvs-ring-slots', ''],
  ])
  const parts: Part[] = [
    { address: 'a:1', isOwn: true, ask: () => Promise.reject(new Error('it is this node')) },
    { address: 'b:1', isOwn: false, ask: async () => ({ status: 200, headers, body: endless() }) },
  ]
  const { GET } = makeListHandlers({
    store,
    openListing: makeListShares(store),
    holdBytes: makeBytesHold(makeMemoryBudget(1_000_000)),
    log: { error: () => undefined },
    routing: { partsFor: async () => parts, answer: (_request, _keys, local) => local(), waitTimeoutMs: 0 },
  })
  return { store, member, list: async (request: ReturnType<typeof makeRequest>) => GET?.(request) }
}

test('a member is read no further than the client takes the list', async () => {
  const { store, member, list } = listOfEndless()
  const request = makeRequest('GET', '/v1/:')
  const body = (await list(request))?.body as StreamedBody
  let [bytes, goOn] = [0, undefined as (() => void) | undefined]
  const sink: BodySink = {
    write(chunk) {
      bytes += chunk.length
      return false
    },
    onDrain(act) {
      goOn = act
    },
    end: () => undefined,
    abort: () => undefined,
  }
  body.open(sink)
  for (let turn = 0; turn < 20; turn++) {
    await until('the next chunk is written', () => goOn !== undefined)
    await new Promise((resolve) => setImmediate(resolve))
    // Two chunks of the list were made ahead of its head. One of the member's is being read.
    expect(member.chunks * 500 * 105).toBeLessThanOrEqual(bytes + 2 * maxChunkBytes + 2 * 500 * 105)
    const drained = goOn
    goOn = undefined
    drained?.()
  }
  expect([member.hasEnded, store.lists.open]).toEqual([false, 0])
  await until('the last chunk is written', () => goOn !== undefined)
  request.resource?.release()
  await until('the member’s answer is let go of', () => member.hasEnded)
})

test('where the client goes away before the head is out, all parts are let go of', async () => {
  const { store, member, list } = listOfEndless()
  for (const target of ['/v1/:', '/v1/:?limit=10000']) {
    member.hasEnded = false
    const request = makeRequest('GET', target)
    const { listKeys } = store
    store.listKeys = async (query) => {
      Object.assign(request, { isOver: true })
      request.resource?.release()
      return listKeys(query)
    }
    await expect(list(request)).rejects.toThrow()
    await until('all is let go of', () => member.hasEnded && store.lists.open === 0)
    store.listKeys = listKeys
  }
})
