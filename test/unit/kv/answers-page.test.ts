import { expect, test } from 'vitest'
import type { MovedAnswersPage } from '../../../kvs/core/moved-answer.ts'
import { answersPageIn, answersPageJson, BadAnswersPage } from '../../../kvs/kv/index.ts'

const page: MovedAnswersPage = {
  answers: [
    {
      ...{ key: 'me\nk', request: Buffer.alloc(32, 255), slot: 0, logId: 'cafe', note: '"\u2028é' },
      ...{ entry: { sequence: 7n, digest: Buffer.from('8 bytes!') }, currentTag: 'beef-3-0a1b2c3d' },
    },
    {
      ...{ key: 'k', request: Buffer.from('r'), slot: 9_999, logId: 'cafe', note: undefined },
      ...{ entry: { sequence: 8n, digest: Buffer.alloc(0) }, currentTag: undefined },
    },
    {
      ...{ key: 'l', request: Buffer.from('r'), slot: 5, logId: 'cafe', note: '' },
      ...{ entry: undefined, currentTag: undefined },
    },
  ],
  through: 900_719_925_474_099_300n,
  isLast: false,
}

const sent = (value: object) => JSON.parse(JSON.stringify(value))

test.each([[page], [{ answers: [], through: 0n, isLast: true }]])('a page comes back as it was sent', (one) => {
  expect(answersPageIn(sent(answersPageJson(one)))).toEqual(one)
})

const first = sent(answersPageJson(page)).answers[0]
const having = (change: object) => ({ answers: [first, { ...first, ...change }], through: '1', last: true })

test.each<[unknown, string]>([
  [null, 'is no object'],
  [[], 'is no object'],
  [{}, 'has no list of answers'],
  [{ answers: [] }, 'does not say how far it goes'],
  [{ answers: [], through: '1', last: 1 }, 'does not say whether more come'],
  [{ answers: [], through: 1 }, 'does not say how far it goes'],
  [{ answers: [], through: '1234567890123456789' }, 'does not say how far it goes'],
  [{ answers: [7], through: '1', last: true }, 'has in answers[0] no object'],
  [having({ key: '' }), 'has in answers[1] no idempotency key'],
  [having({ key: 'a\0' }), 'has in answers[1] no idempotency key'],
  [having({ key: 'a\ud800' }), 'has in answers[1] no idempotency key'],
  [having({ request: '' }), 'has in answers[1] no hash of a request'],
  [having({ request: 'é' }), 'has in answers[1] no hash of a request'],
  [having({ slot: 10_000 }), 'has in answers[1] no slot'],
  [having({ slot: -1 }), 'has in answers[1] no slot'],
  [having({ slot: 0.5 }), 'has in answers[1] no slot'],
  [having({ slot: '1' }), 'has in answers[1] no slot'],
  [having({ log: 'a b' }), 'has in answers[1] no id of a log'],
  [having({ entry: undefined }), 'has an entry that is no object'],
  [having({ entry: { sequence: 7, digest: '' } }), 'has in answers[1] no entry'],
  [having({ entry: { sequence: '7', digest: '0' } }), 'has in answers[1] no entry'],
  [having({ entry: { sequence: '7', digest: 'FF' } }), 'has in answers[1] no entry'],
  [having({ current: 7 }), 'has in answers[1] no tag of a value'],
  [having({ current: 'a"b' }), 'has in answers[1] no tag of a value'],
  [having({ current: undefined }), 'has in answers[1] no tag of a value'],
  [having({ note: 7 }), 'has in answers[1] no note'],
  [having({ note: '\0' }), 'has in answers[1] no note'],
])('%j is no page: it %s', (value, sentence) => {
  expect(() => answersPageIn(value)).toThrow(new BadAnswersPage(sentence))
})
