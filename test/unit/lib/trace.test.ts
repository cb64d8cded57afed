import { expect, test } from 'vitest'
import { systemRandom } from '../../../kvs/lib/random.ts'
import { beginTrace, makeSpanId, parseTraceparent, writeTraceparent } from '../../../kvs/lib/trace.ts'

const [traceId, parentId] = ['4bf92f3577b34da6a3ce929d0e0e4736', '00f067aa0ba902b7']

test.each([
  [`00-${traceId}-${parentId}-01`, { traceId, parentId, flags: '01' }],
  [`00-${traceId}-${parentId}-ff`, { traceId, parentId, flags: 'ff' }],
  [`cc-${traceId}-${parentId}-01`, { traceId, parentId, flags: '01' }],
  [`cc-${traceId}-${parentId}-01-what-comes`, { traceId, parentId, flags: '01' }],
])('%s is taken', (text, trace) => {
  expect(parseTraceparent(text)).toEqual(trace)
})

test.each([
  ['nothing', ''],
  ['a version that is none', `ff-${traceId}-${parentId}-01`],
  ['a version of one digit', `0-${traceId}-${parentId}-01`],
  ['capitals', `00-${traceId.toUpperCase()}-${parentId}-01`],
  ['no trace', `00-${'0'.repeat(32)}-${parentId}-01`],
  ['no parent', `00-${traceId}-${'0'.repeat(16)}-01`],
  ['a short trace', `00-${traceId.slice(1)}-${parentId}-01`],
  ['a short parent', `00-${traceId}-${parentId.slice(1)}-01`],
  ['flags of one digit', `00-${traceId}-${parentId}-1`],
  ['no flags', `00-${traceId}-${parentId}`],
  ['more than version 00 has', `00-${traceId}-${parentId}-01-more`],
  ['more without a dash', `cc-${traceId}-${parentId}-01.more`],
  ['two of them', `00-${traceId}-${parentId}-01, 00-${traceId}-${parentId}-01`],
  ['spaces', ` 00-${traceId}-${parentId}-01`],
  ['other digits', `00-${traceId.replace('4', 'g')}-${parentId}-01`],
])('%s is not', (_, text) => {
  expect(parseTraceparent(text)).toBeUndefined()
})

test('what goes on has the same trace, another parent, and the flags that are known', () => {
  const trace = parseTraceparent(`cc-${traceId}-${parentId}-fd-more`)
  const spanId = makeSpanId(systemRandom)
  expect(spanId).not.toBe(parentId)
  expect(trace && writeTraceparent(trace, spanId)).toBe(`00-${traceId}-${spanId}-01`)
})

test('a trace that begins here can be taken by the next', () => {
  const texts = Array.from({ length: 100 }, () => writeTraceparent(beginTrace(systemRandom), makeSpanId(systemRandom)))
  for (const text of texts) expect(parseTraceparent(text)).toBeDefined()
  expect(new Set(texts.map((text) => text.slice(3, 35))).size).toBe(100)
})
