import { expect, test } from 'vitest'
import { KvsError } from '../../../../../kvs/core/errors.ts'
import type { MovedAnswersPage } from '../../../../../kvs/core/moved-answer.ts'
import { makeFakeRing } from '../../fake-ring.ts'
import { bearer, guardOf, secretOf } from '../../guarded.ts'
import { serveRing } from './ask.ts'

const part = '"id":"beef","version":12,"slots":"0-3,9-9999"'
const page: MovedAnswersPage = {
  answers: [
    {
      ...{ key: 'me\nk1', request: Buffer.from([0, 255]), slot: 3, logId: 'cafe', note: '{"values":["é"]}' },
      ...{ entry: { sequence: 7n, digest: Buffer.from([1, 255]) }, currentTag: 'cafe-3-0a1b2c3d' },
    },
    {
      ...{ key: 'k2', request: Buffer.from('r'), slot: 9_999, logId: 'beef-1', note: undefined },
      ...{ entry: undefined, currentTag: undefined },
    },
  ],
  through: 12_345_678_901_234_567n,
  isLast: false,
}

test('answers after a number are told as JSON', async () => {
  const { ask, ring } = await serveRing()
  ring.answers = page
  const [status, text] = await ask('POST', '/ring/answers', `{${part},"after":"900719925474099300"}`)
  expect([status, JSON.parse(text)]).toEqual([
    200,
    {
      answers: [
        {
          ...{ key: 'me\nk1', request: 'AP8=', slot: 3, log: 'cafe', entry: { sequence: '7', digest: '01ff' } },
          ...{ current: 'cafe-3-0a1b2c3d', note: '{"values":["é"]}' },
        },
        { key: 'k2', request: 'cg==', slot: 9_999, log: 'beef-1', entry: null, current: null, note: null },
      ],
      through: '12345678901234567',
      last: false,
    },
  ])
  const slots = [
    { from: 0, through: 3 },
    { from: 9, through: 9_999 },
  ]
  expect(ring.asked).toEqual([['answers', { ringId: 'beef', version: 12, slots, after: 900_719_925_474_099_300n }]])
})

test.each(['null', '0', '""', '"-1"', '"1.5"', '"1234567890123456789"', '"cafe=1"'])(
  'answers after %s are refused',
  async (after) => {
    const { ask, ring } = await serveRing()
    const [status, text] = await ask('POST', '/ring/answers', `{${part},"after":${after}}`)
    expect([status, text]).toEqual([400, expect.stringContaining('after is to be the number of an answer')])
    expect(ring.asked).toEqual([])
  },
)

test('a member whose change is over says so', async () => {
  const { ask, ring } = await serveRing()
  ring.failure = new KvsError('ring_conflict', 'the change is over')
  expect(await ask('POST', '/ring/answers', `{${part},"after":"0"}`)).toEqual([409, 'the change is over\n'])
})

test('answers are for members alone, of all keys', async () => {
  const guard = guardOf(`bounded:replicate:${secretOf('bounded')}:a/`)
  const { url } = await serveRing({ guard }, makeFakeRing())
  const ask = async (headers: Record<string, string>) =>
    (await fetch(`${url}/ring/answers`, { method: 'POST', body: `{${part},"after":"0"}`, headers })).status
  expect(await ask({})).toBe(401)
  expect(await ask(bearer('bounded'))).toBe(403)
})
