import { describe, expect, test } from 'vitest'
import { slotOf } from '../../../../../../kvs/core/ring/key-slot.ts'
import {
  allSlots,
  formatRanges,
  hasSlot,
  rangesInText,
  type SlotRanges,
} from '../../../../../../kvs/core/ring/slot-ranges.ts'
import type { AnsweredPart } from '../../../../../../kvs/http/api/lists/gathered/gather.ts'
import { requireEverySlotOnce } from '../../../../../../kvs/http/api/lists/gathered/part-slots.ts'
import { until } from '../../../../../support/until.ts'
import { serve } from '../../../serve.ts'
import { serveRing } from '../../../serve-ring.ts'

const lists = [':', ':?limit=40', ':?values', ':?count', ':?delimiter=/']
const asJson = { headers: { accept: 'application/json' } }
const clear = { ...asJson, method: 'DELETE' }
const ofMember = { headers: { 'KVS-Ring': 'cafe=1' } }
const slots = (text: string) => rangesInText(text) as SlotRanges

/** Slots that the first of three members gives to the second. */
const moving = slots('3000-3333')
const after = [slots('0-2999'), slots('3000-6666')] as const

/** Keys `key-…` in order: 30 of them, and six of the moving slots. */
const keys = keysWhere(30, () => true).concat(keysWhere(6, (key) => hasSlot(moving, slotOf(key))))
const inOrder = [...new Set(keys)].toSorted()
const settled = inOrder.filter((key) => !hasSlot(moving, slotOf(key)))

function keysWhere(count: number, isOne: (key: string) => boolean): string[] {
  const candidates = Array.from({ length: 10_000 }, (_, n) => `key-${n + 10_000}`)
  return candidates.filter(isOne).slice(0, count)
}

type Ring = Awaited<ReturnType<typeof serveRing>>
type Store = Ring['first']['store']

/** The first two members hold the keys of the moving slots, and one of them shows these. */
async function serveMoving(options: Parameters<typeof serveRing>[1] = {}) {
  const ring = await serveRing(3, options)
  const [giver, taker] = ring.nodes.map(({ store }) => store) as [Store, Store]
  for (const key of inOrder) {
    await ring.put(key)
    if (!settled.includes(key)) await taker.write(putOf(key))
  }
  return { ...ring, giver, taker, asks: () => ring.asked.filter(({ address }) => address === ring.addresses[1]).length }
}

const putOf = (key: string) => ({ kind: 'put' as const, key, value: Buffer.from(key), contentType: undefined })

const showing = ['listKeys', 'listValues', 'countKeys'] as const

/** Has the store show keys only then, and something done after it. */
function changeShowing(store: Store, { gate, onShown }: { gate?: Promise<void>; onShown?: () => void }) {
  for (const name of showing) {
    const show = store[name] as (asked: unknown) => Promise<unknown>
    const changed = async (asked: unknown) => {
      await gate
      const shown = await show(asked)
      onShown?.()
      return shown
    }
    Object.assign(store, { [name]: changed })
  }
}

/** The taker shows its part once it has the slots, and the giver has shown its own before it gave them. */
function askTakerLater({ giver, taker }: { giver: Store; taker: Store }) {
  const moved = Promise.withResolvers<void>()
  changeShowing(giver, {
    onShown() {
      Object.assign(giver.lists, { owns: after[0] })
      Object.assign(taker.lists, { owns: after[1] })
      moved.resolve()
    },
  })
  changeShowing(taker, { gate: moved.promise })
}

/** The giver has given the slots before it is asked, and the taker has them once it has shown its own part. */
function askTakerEarlier({ giver, taker }: { giver: Store; taker: Store }) {
  Object.assign(giver.lists, { owns: after[0] })
  changeShowing(taker, { onShown: () => Object.assign(taker.lists, { owns: after[1] }) })
}

const keyOf = (item: string | { key: string }) => (typeof item === 'string' ? item : item.key)

async function shownBy(url: string, path: string) {
  const answer = await fetch(`${url}/v1/${path}`, asJson)
  const body = (await answer.json()) as (string | { key: string })[] | { count: number }
  return { status: answer.status, names: Array.isArray(body) ? body.map(keyOf) : body.count }
}

describe.each([
  ['twice', askTakerLater],
  ['by nobody', askTakerEarlier],
])('keys that were shown %s, as their slots have changed hands between two answers', (_, move) => {
  test.each(lists)('have the list begin anew, and it is right then: %s', async (path) => {
    const ring = await serveMoving()
    const first = await shownBy(ring.url, path)
    expect(first).toEqual({ status: 200, names: path.includes('count') ? inOrder.length : inOrder })
    expect(ring.asks()).toBe(1)
    move(ring)
    expect(await shownBy(ring.url, path)).toEqual(first)
    expect(ring.asks()).toBe(3)
    expect((await fetch(`${ring.url}/v1/${path}`, { method: 'HEAD' })).status).toBe(200)
    await until('every listing is closed', () => ring.nodes.every(({ store }) => store.lists.open === 0))
  })
})

test('a clear that has missed keys between two members begins anew, and tells the sum', async () => {
  const ring = await serveMoving()
  askTakerEarlier(ring)
  const answer = await fetch(`${ring.url}/v1/key-:`, clear)
  expect([answer.status, answer.headers.get('kvs-deleted')]).toEqual([200, String(inOrder.length)])
  expect(ring.asks()).toBe(2)
  expect(await shownBy(ring.url, ':')).toEqual({ status: 200, names: [] })
})

describe('slots that stay with nobody', () => {
  test.each(lists)('make the list an error, and nothing of it is shown: %s', async (path) => {
    const { url, giver, asks } = await serveMoving({ waitTimeoutMs: 100 })
    Object.assign(giver.lists, { owns: after[0] })
    expect((await fetch(`${url}/v1/${path}`, { method: 'HEAD' })).status).toBe(503)
    const answer = await fetch(`${url}/v1/${path}`, asJson)
    expect(await answer.json()).toMatchObject({
      status: 503,
      code: 'cannot_forward',
      detail: 'the ring is being changed, and for 100 ms its members’ parts did not make up all keys: try again',
    })
    expect(asks()).toBeGreaterThan(4)
  })

  test('make a clear an error, which tells what was deleted', async () => {
    const { url, giver } = await serveMoving({ waitTimeoutMs: 100 })
    Object.assign(giver.lists, { owns: after[0] })
    const answer = await fetch(`${url}/v1/key-:`, clear)
    expect([answer.status, answer.headers.get('kvs-deleted')]).toEqual([503, String(settled.length)])
    expect(await answer.json()).toMatchObject({ code: 'cannot_forward' })
  })
})

describe('KVS-Ring-Slots', () => {
  test.each(lists)('tells a member the slots of a part: %s', async (path) => {
    const { nodes, first } = await serveRing(2)
    for (const [owned, text] of [
      [slots('0-4999'), '0-4999'],
      [slots('0-3000,8001-9999'), '0-3000,8001-9999'],
      [[], ''],
    ] as const) {
      first.store.lists.owns = owned
      for (const method of ['GET', 'HEAD']) {
        const answer = await fetch(`${first.url}/v1/${path}`, { ...ofMember, method })
        expect([method, answer.status, answer.headers.get('kvs-ring-slots')]).toEqual([method, 200, text])
      }
    }
    expect(nodes[1]?.store.lists.listings).toEqual([])
  })

  test('tells it of a clear as well', async () => {
    const { first } = await serveRing(2)
    const answer = await fetch(`${first.url}/v1/:`, { ...ofMember, method: 'DELETE' })
    expect([answer.status, answer.headers.get('kvs-ring-slots')]).toEqual([200, '0-4999'])
  })

  test('is not in the answer to a client', async () => {
    const single = await serve({ allowsClear: true })
    single.store.lists.owns = allSlots
    for (const { url } of [single, await serveRing(2)]) {
      for (const path of lists) {
        expect((await fetch(`${url}/v1/${path}`)).headers.has('kvs-ring-slots')).toBe(false)
      }
      expect((await fetch(`${url}/v1/:`, clear)).headers.has('kvs-ring-slots')).toBe(false)
    }
  })

  test.each([
    [undefined, 'it tells no KVS-Ring-Slots'],
    ['all', 'its KVS-Ring-Slots is "all"'],
    ['5-3', 'its KVS-Ring-Slots is "5-3"'],
    ['5000-99999', 'its KVS-Ring-Slots is "5000-99999"'],
  ])('%s is no answer of a member', async (text, sentence) => {
    const { url, way, addresses } = await serveRing(2)
    way.change = (_address, reply) => {
      const headers = new Map([...reply.headers].filter(([name]) => name !== 'kvs-ring-slots'))
      return { ...reply, headers: text === undefined ? headers : headers.set('kvs-ring-slots', text) }
    }
    const detail = `the member ${addresses[1]} does not answer as a member of the ring does: ${sentence}`
    for (const path of lists) {
      const answer = await fetch(`${url}/v1/${path}`, asJson)
      expect(await answer.json()).toMatchObject({ code: 'cannot_forward', detail })
    }
    const cleared = await fetch(`${url}/v1/:`, clear)
    expect(await cleared.json()).toMatchObject({ code: 'cannot_forward', detail: expect.stringContaining(sentence) })
  })
})

test.each([
  [['0-9999'], undefined],
  [['', '0-9999', ''], undefined],
  [['5000-9999', '0-4999'], undefined],
  [['0-0,2-2,4-9999', '1-1,3-3'], undefined],
  [[], 'no member has shown keys of the slots 0-9999'],
  [['', ''], 'no member has shown keys of the slots 0-9999'],
  [['1-9999'], 'no member has shown keys of the slots 0-0'],
  [['0-9998'], 'no member has shown keys of the slots 9999-9999'],
  [['6001-9999', '0-4999'], 'no member has shown keys of the slots 5000-6000'],
  [['5000-9999', '0-5000'], 'both b:1 and a:1 have shown keys of the slot 5000'],
  [['0-9999', '4000-4000'], 'both a:1 and b:1 have shown keys of the slot 4000'],
  [['0-9999', '0-9999'], 'both a:1 and b:1 have shown keys of the slot 0'],
])('of the parts %j: %s', (texts, sentence) => {
  const parts = texts.map((text, at) => {
    const reply = { headers: new Map([['kvs-ring-slots', formatRanges(slots(text))]]) }
    return { asked: { address: `${'ab c'[at]}:1` }, reply } as unknown as AnsweredPart
  })
  if (sentence === undefined) requireEverySlotOnce(parts)
  else expect(() => requireEverySlotOnce(parts)).toThrow(sentence)
})
