import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterEach, expect, test } from 'vitest'
import { KvsError } from '../../../kvs/core/errors.ts'
import { positionAt } from '../../../kvs/core/position.ts'
import type { Ring } from '../../../kvs/core/ring/description.ts'
import { slotOf } from '../../../kvs/core/ring/key-slot.ts'
import { ringJson } from '../../../kvs/core/ring/ring-text.ts'
import { allSlots } from '../../../kvs/core/ring/slot-ranges.ts'
import { makeTarget } from '../../../kvs/forward/index.ts'
import { formatMovedPage, type MovedPage, movedPageType } from '../../../kvs/kv/index.ts'
import { makeHttpMember } from '../../../kvs/ring/index.ts'
import { makeFakeRing } from '../http/fake-ring.ts'
import { serve } from '../http/serve.ts'

const ring: Ring = {
  ...{ id: 'beef', version: 3, home: 'a:1', standbys: [] },
  ...{ positions: new Map([[3000, 'a:1']]), next: new Map([[5000, 'b:1']]), joining: ['b:1'] },
}
const part = { ringId: 'beef', version: 4, slots: allSlots }
const ofKeys = { ...part, after: undefined }
const ofChanges = { ...part, after: positionAt('cafe', 7n) }

const closing: (() => Promise<unknown>)[] = []
afterEach(async () => {
  for (const close of closing.splice(0)) await close()
})

type Act = (request: IncomingMessage, response: ServerResponse) => void
const times = { stateMs: 300, answerMs: 300, pageMs: 300, changeMs: 300 }

/** A client of what listens at a port, which waits as long as a node does unless it is told to be quick. */
function memberAt(port: number, isQuick = false) {
  const target = makeTarget({
    ...{ address: `127.0.0.1:${port}`, tls: undefined, timeoutMs: 5_000 },
    logger: { info: () => undefined, warn: () => undefined },
  })
  closing.unshift(() => target.dispatcher.destroy())
  return isQuick ? makeHttpMember(target, undefined, times) : makeHttpMember(target, undefined)
}

/** A member that answers as `act` does. */
async function memberWith(act: Act, isQuick = false) {
  const server = createServer(act)
  await new Promise<void>((resolve) => void server.listen(0, '127.0.0.1', resolve))
  closing.push(() => new Promise((resolve) => server.close(resolve)))
  return memberAt((server.address() as AddressInfo).port, isQuick)
}

const answering = (status: number, type: string, body: string | Buffer) =>
  memberWith((_, response) => response.writeHead(status, { 'Content-Type': type }).end(body))

/** The HTTP side of a node over a fake ring, and a client of it. */
async function servedMember() {
  const known = makeFakeRing('a:1')
  const { url } = await serve({ ring: known, maxWaitingBytes: 20_000_000 })
  return { known, member: memberAt(Number(new URL(url).port)) }
}

const earlier = { tag: 'cafe-3-0a1b2c3d', modifiedAt: 4 }
const put = (key: string, value: Buffer, more = {}) =>
  ({ write: { kind: 'put', key, value, contentType: undefined, ...more }, earlier }) as const
const gone = (key: string) => ({ write: { kind: 'delete', key }, earlier }) as const

const page: MovedPage = {
  position: positionAt('cafe', 9n),
  items: [
    put('a', Buffer.from([0, 10, 255, 13])),
    put('b', Buffer.alloc(0), { contentType: 'a/b', deadline: 5 }),
    // The other way round in UTF-16.
    put('\uffff', Buffer.from('1')),
    put('😀', Buffer.from('2')),
  ],
  last: '😀z',
}

test('a member is asked to take, and says how far it is', async () => {
  const { member, known } = await servedMember()
  const gives = new Map([['https://b:1', positionAt('cafe', 7n)]])
  expect(await member.take(ring, undefined)).toEqual({ state: 'copying', keys: 0, obstacle: undefined })
  known.taken = { state: 'taken', keys: 7, obstacle: 'none' }
  expect(await member.take(ring, gives)).toEqual(known.taken)
  expect(known.asked).toEqual([
    ['take', ring, undefined],
    ['take', ring, gives],
  ])
})

test('a member that has given says where; what it shows of itself may be behind that', async () => {
  const { member } = await servedMember()
  expect(await member.give(ring, false)).toEqual(positionAt('cafe', 8n))
  expect((await member.state()).position).toEqual(positionAt('cafe', 7n))
})

test('a page of keys has any bytes, in the order of bytes', async () => {
  const { member, known } = await servedMember()
  known.page = page
  expect(await member.movedKeys(ofKeys)).toEqual(page)
  const slots = [
    { from: 0, through: 7_000 },
    { from: 7_002, through: 9_999 },
  ]
  await member.movedKeys({ ...part, slots, after: 'A' })
  expect(known.asked).toEqual([
    ['keys', ofKeys],
    ['keys', { ...part, slots, after: 'A' }],
  ])
})

test('a page of changes has a key several times, and deletes', async () => {
  const { member, known } = await servedMember()
  known.page = { ...page, items: [gone('b'), put('a', Buffer.from('1')), gone('a')], last: undefined }
  expect(await member.movedChanges(ofChanges)).toEqual(known.page)
  expect(known.asked).toEqual([['changes', ofChanges]])
})

test('a value may be much larger than a page is otherwise', async () => {
  const { member, known } = await servedMember()
  const value = Buffer.alloc(8 * 1024 * 1024, 'kvs')
  known.page = { ...page, items: [put('a', value)], last: 'a' }
  const [item] = (await member.movedKeys(ofKeys)).items
  expect(item?.write.kind === 'put' && item.write.value.equals(value)).toBe(true)
})

test('a refusal is the member’s own', async () => {
  const { member, known } = await servedMember()
  known.failure = new KvsError('ring_conflict', 'the change is over')
  const refusal = { code: 'ring_conflict', message: 'the change is over' }
  await expect(member.take(ring, undefined)).rejects.toMatchObject(refusal)
  await expect(member.movedKeys(ofKeys)).rejects.toMatchObject(refusal)
  await expect(member.movedChanges(ofChanges)).rejects.toMatchObject(refusal)
})

const elsewhere = slotOf('a') === 0 ? 1 : 0

test.each<[string, Partial<MovedPage>, object]>([
  ['has keys out of order', { items: [put('b', Buffer.of()), put('a', Buffer.of())] }, {}],
  ['has keys out of order', { items: [put('a', Buffer.of()), put('a', Buffer.of())] }, {}],
  ['has keys out of order', { items: [put('😀', Buffer.of()), put('\uffff', Buffer.of())] }, {}],
  ['has keys out of order', { items: [put('a', Buffer.of())] }, { after: 'a' }],
  ['has a key without a value', { items: [gone('a')] }, {}],
  ['ends before its keys do', { items: [put('b', Buffer.of())], last: 'a' }, {}],
  ['ends before its keys do', { items: [], last: 'a' }, { after: 'b' }],
  ['has a key of a slot that was not asked for', {}, { slots: [{ from: elsewhere, through: elsewhere }] }],
])('a page of keys that %s is not taken', async (sentence, wrong, asked) => {
  const { member, known } = await servedMember()
  known.page = { ...page, ...wrong }
  await expect(member.movedKeys({ ...ofKeys, ...asked })).rejects.toMatchObject({
    code: 'cannot_forward',
    message: expect.stringMatching(`^127.0.0.1:\\d+ answers with a page that can’t be taken: it ${sentence}`),
  })
})

test.each<[string, Partial<MovedPage>, object]>([
  ['comes up to less than it was asked after', { position: positionAt('cafe', 6n) }, {}],
  ['comes up to less than it was asked after', { position: positionAt('beef', 8n) }, {}],
  ['has a key of a slot that was not asked for', {}, { slots: [{ from: elsewhere, through: elsewhere }] }],
])('a page of changes that %s is not taken', async (sentence, wrong, asked) => {
  const { member, known } = await servedMember()
  known.page = { ...page, ...wrong }
  await expect(member.movedChanges({ ...ofChanges, ...asked })).rejects.toMatchObject({
    code: 'cannot_forward',
    message: expect.stringContaining(`answers with a page that can’t be taken: it ${sentence}`),
  })
})

const whole = formatMovedPage(page)

test.each<[string, string, string | Buffer, string]>([
  ['of another type', 'application/json', '{}', 'answers with application/json, not with application/vnd.kvs.keys'],
  ['that is cut off', movedPageType, whole.subarray(0, -1), 'it is not what was sent'],
  ['of nothing', movedPageType, '', 'it has 0 bytes'],
])('an answer %s is no page', async (_, type, body, sentence) => {
  const member = await answering(200, type, body)
  for (const asked of [() => member.movedKeys(ofKeys), () => member.movedChanges(ofChanges)])
    await expect(asked()).rejects.toMatchObject({ code: 'cannot_forward', message: expect.stringContaining(sentence) })
})

test.each([
  '[]',
  '{"state":"gone","keys":0,"obstacle":null}',
  '{"state":"copying","keys":-1,"obstacle":null}',
  '{"state":"copying","keys":0}',
  '{"state":"copying","keys":0,"obstacle":1}',
])('%s is no progress', async (text) => {
  const member = await answering(200, 'application/json', text)
  await expect(member.take(ring, undefined)).rejects.toMatchObject({
    code: 'cannot_forward',
    message: expect.stringContaining('does not answer how far it has taken its keys: is it of this version?'),
  })
})

test('a member without these paths is of another version', async () => {
  const member = await answering(404, 'text/plain', 'no such page')
  await expect(member.movedKeys(ofKeys)).rejects.toMatchObject({
    code: 'cannot_forward',
    message: expect.stringContaining('answers 404: no such page; is KVS_ADDRESS set there? Is it of this version?'),
  })
})

test('a page of more than 1 GiB is refused by its head', async () => {
  const headers = { 'Content-Type': movedPageType, 'Content-Length': 2 ** 30 + 1 }
  const member = await memberWith((_, response) => response.writeHead(200, headers).write('{'))
  await expect(member.movedKeys(ofKeys)).rejects.toMatchObject({
    code: 'cannot_forward',
    message: expect.stringMatching(/answers with more than 1073741824 bytes$/),
  })
})

test('a member that stalls is not waited for, before its answer nor inside of it', async () => {
  const late = { code: 'cannot_forward', message: expect.stringMatching(/: it gives no answer in time$/) }
  const silent = await memberWith(() => undefined, true)
  await expect(silent.movedKeys(ofKeys)).rejects.toMatchObject(late)
  await expect(silent.take(ring, undefined)).rejects.toMatchObject(late)
  const halfway = await memberWith((_, response) => {
    response.writeHead(200, { 'Content-Type': movedPageType, 'Content-Length': whole.length })
    response.write(whole.subarray(0, -1))
  }, true)
  await expect(halfway.movedKeys(ofKeys)).rejects.toMatchObject(late)
})

test('a page that breaks off is none', async () => {
  const member = await memberWith((_, response) => {
    response.writeHead(200, { 'Content-Type': movedPageType, 'Content-Length': whole.length })
    response.write(whole.subarray(0, -1), () => response.destroy())
  })
  await expect(member.movedKeys(ofKeys)).rejects.toMatchObject({
    code: 'cannot_forward',
    message: expect.stringContaining('broke off before its answer was there'),
  })
})

test('a version is sent as JSON', async () => {
  const { member, known } = await servedMember()
  await member.learn(ring)
  expect(known.asked).toEqual([['learn', ring]])
  expect(ringJson((await member.state()).ring as Ring)).toEqual(ringJson(ring))
})
