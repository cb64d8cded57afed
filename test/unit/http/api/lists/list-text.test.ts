import { expect, test } from 'vitest'
import { chunksOf, formFor, maxChunkBytes, maxChunkItems } from '../../../../../kvs/http/api/lists/list-text.ts'
import type { Request } from '../../../../../kvs/http/exchange/index.ts'

const array = formFor({ headers: {} } as Request)
const textsOf = (items: readonly string[]) => [...chunksOf(items, array)].map(String)

test('chunks are bounded by their bytes and by their items, and make up the whole text', () => {
  const short = Array.from({ length: 2.5 * maxChunkItems }, () => '""')
  const counts = textsOf(short).map((text) => text.match(/""/g)?.length)
  expect(counts).toEqual([maxChunkItems, maxChunkItems, maxChunkItems / 2])
  expect(JSON.parse(textsOf(short).join(''))).toEqual(short.map(() => ''))

  const long = JSON.stringify('x'.repeat(maxChunkBytes / 2))
  expect(textsOf([long, long, long])).toHaveLength(3)
  expect(JSON.parse(textsOf([long, long, long]).join(''))).toHaveLength(3)
})
