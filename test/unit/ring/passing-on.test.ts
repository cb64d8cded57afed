import { expect, test } from 'vitest'
import type { SpooledWrite } from '../../../kvs/core/entry.ts'
import { KvsError, NotOwner } from '../../../kvs/core/errors.ts'
import type { PassedOnWrite } from '../../../kvs/kv/index.ts'
import { makePassingOn } from '../../../kvs/ring/index.ts'
import { put, remove } from '../../support/entries.ts'

const spooled: SpooledWrite = {
  ...{ number: 7n, superseded: false, write: put('k', 'v') },
  seen: { tag: 'cafe0123-7-0000000a', deadline: 5 },
}

/** Members that answer one after the other as `answers` says: undefined where they do it. */
function makeMembers(answers: (Error | undefined)[], owners: () => readonly string[] = () => ['b:1', 'c:1']) {
  const asked: [address: string, passedOn: PassedOnWrite, version: string][] = []
  const learnt: string[] = []
  let version = 'beef=1'
  let slept = 0
  const passOn = makePassingOn({
    ring: {
      self: 'a:1',
      versionText: () => version,
      ownersOf: owners,
      async learnFrom(address) {
        learnt.push(address)
        version = 'beef=2'
      },
    },
    connect: (address) => async (passedOn, text) => {
      asked.push([address, passedOn, text])
      const answer = answers.shift()
      if (answer) throw answer
    },
    clock: {
      async sleep() {
        slept++
      },
    },
  })
  const whoWasAsked = () => asked.map(([address, , text]) => `${address} ${text}`)
  return { passOn, asked, learnt, whoWasAsked, slept: () => slept }
}

test('the owner is asked, with what the write had seen and a key that stays the same', async () => {
  const { passOn, asked } = makeMembers([])
  await passOn('writer', spooled)
  await passOn('writer', spooled)
  const [[address, first, version] = expect.fail(), [, second] = expect.fail()] = asked
  expect([address, version]).toEqual(['b:1', 'beef=1'])
  expect(first).toEqual({
    ...{ write: spooled.write, seen: spooled.seen },
    idempotencyKey: expect.stringMatching(/^spool-writer-7-[0-9a-f]{16}$/),
  })
  expect(second).toEqual(first)
})

test('another write has another key, also under a number that a log has given twice', async () => {
  const { passOn, asked } = makeMembers([])
  const others = [
    { ...spooled, number: 8n },
    { ...spooled, write: put('k', 'w') },
    { ...spooled, write: remove('k') },
    { ...spooled, seen: undefined },
  ]
  for (const one of [spooled, ...others]) await passOn('writer', one)
  await passOn('other', spooled)
  expect(new Set(asked.map(([, { idempotencyKey }]) => idempotencyKey)).size).toBe(6)
})

test('where one does not own the key the next is asked, and a newer version is learnt from it', async () => {
  const { passOn, whoWasAsked, learnt } = makeMembers([new NotOwner('beef=2')])
  await passOn('writer', spooled)
  expect(whoWasAsked()).toEqual(['b:1 beef=1', 'c:1 beef=2'])
  expect(learnt).toEqual(['b:1'])
})

test('one that is out of reach is named, unless the other one takes the write', async () => {
  const away = () => new KvsError('cannot_forward', 'b:1: it gives no answer in time')
  const taken = makeMembers([away()])
  await taken.passOn('writer', spooled)
  expect(taken.whoWasAsked()).toEqual(['b:1 beef=1', 'c:1 beef=1'])
  const refused = makeMembers([away(), new NotOwner('beef=1')])
  await expect(refused.passOn('writer', spooled)).rejects.toThrow('b:1: it gives no answer in time')
})

test('nobody is asked for ever, and this node not at all', async () => {
  const refusals = Array.from({ length: 100 }, () => new NotOwner('beef=1'))
  const { passOn, whoWasAsked, slept } = makeMembers(refusals, () => ['a:1', 'b:1'])
  await expect(passOn('writer', spooled)).rejects.toThrow('no member says that it owns the key')
  expect(whoWasAsked()).toEqual(Array.from({ length: 4 }, () => 'b:1 beef=1'))
  expect(slept()).toBe(3)
})
