import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterEach, expect, test } from 'vitest'
import type { MovedAnswersPage } from '../../../kvs/core/moved-answer.ts'
import { allSlots } from '../../../kvs/core/ring/slot-ranges.ts'
import { makeTarget } from '../../../kvs/forward/index.ts'
import { answersPageJson } from '../../../kvs/kv/index.ts'
import { makeHttpMember } from '../../../kvs/ring/index.ts'
import { makeFakeRing } from '../http/fake-ring.ts'
import { serve } from '../http/serve.ts'

const asked = { ringId: 'beef', version: 4, slots: allSlots, after: 5n }
const page: MovedAnswersPage = {
  answers: [
    {
      ...{ key: 'me\nk', request: Buffer.alloc(32, 255), slot: 7, logId: 'cafe', note: 'é' },
      ...{ entry: { sequence: 7n, digest: Buffer.from('8 bytes!') }, currentTag: 'beef-3-0a1b2c3d' },
    },
  ],
  through: 9n,
  isLast: true,
}

const closing: (() => Promise<unknown>)[] = []
afterEach(async () => {
  for (const close of closing.splice(0)) await close()
})

function memberAt(port: number) {
  const target = makeTarget({
    ...{ address: `127.0.0.1:${port}`, tls: undefined, timeoutMs: 5_000 },
    logger: { info: () => undefined, warn: () => undefined },
  })
  closing.unshift(() => target.dispatcher.destroy())
  return makeHttpMember(target, undefined)
}

/** A member that answers with this, whatever it is asked. */
async function answering(text: string) {
  const server = createServer((_, response) =>
    response.writeHead(200, { 'Content-Type': 'application/json' }).end(text),
  )
  await new Promise<void>((resolve) => void server.listen(0, '127.0.0.1', resolve))
  closing.push(() => new Promise((resolve) => server.close(resolve)))
  return memberAt((server.address() as AddressInfo).port)
}

test('a member is asked for answers, and tells them as its log has them', async () => {
  const known = makeFakeRing('a:1')
  known.answers = page
  const { url } = await serve({ ring: known })
  expect(await memberAt(Number(new URL(url).port)).movedAnswers(asked)).toEqual(page)
  expect(known.asked).toEqual([['answers', asked]])
})

const text = (change: Partial<MovedAnswersPage>) => JSON.stringify(answersPageJson({ ...page, ...change }))

test.each([
  ['no JSON', '{', allSlots, /can’t be taken: it is not JSON/],
  ['no page', '{}', allSlots, /can’t be taken: it has no list of answers/],
  [
    'an answer of another slot',
    text({}),
    [{ from: 8, through: 9_999 }],
    /has an answer of a slot that was not asked for/,
  ],
  ['less than before', text({ answers: [], through: 4n }), allSlots, /comes up to no more than it was asked after/],
  ['the same again', text({ through: 5n }), allSlots, /comes up to no more than it was asked after/],
])('%s is an error that names the member', async (_, answer, slots, sentence) => {
  const member = await answering(answer)
  const error = await member.movedAnswers({ ...asked, slots }).catch((one) => one)
  expect([error.code, error.message]).toEqual(['cannot_forward', expect.stringMatching(sentence)])
  expect(error.message).toMatch(/^127\.0\.0\.1:\d+ answers/)
})

test('nothing more is no error', async () => {
  const member = await answering(text({ answers: [], through: 5n }))
  expect(await member.movedAnswers(asked)).toEqual({ answers: [], through: 5n, isLast: true })
})
