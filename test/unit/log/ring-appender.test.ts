import { expect, test } from 'vitest'
import { makeRingAppender, Unavailable, Undecided } from '../../../kvs/log/index.ts'

/** An appender whose writer is taken by another node before each of the first appends. */
function setUp(taken: number, failure: Error = new Unavailable('replaced')) {
  const calls: string[] = []
  const end = { sequence: 1n, digest: Buffer.alloc(4), recordedAt: 0, stamp: 0 }
  const append = makeRingAppender(async () => {
    calls.push('register')
    return {
      statements: {} as never,
      writer: {
        async appendRing() {
          calls.push('append')
          if (taken-- > 0) throw failure
          return end
        },
      },
    }
  })
  return { calls, end, append }
}

test('the writer is registered before the first entry, and stays', async () => {
  const { calls, end, append } = setUp(0)
  expect(await append('one', 0n, [])).toBe(end)
  await append('two', 1n, [])
  expect(calls).toEqual(['register', 'append', 'append'])
})

test('it is registered anew where another node has taken it, and again', async () => {
  const { calls, end, append } = setUp(2)
  expect(await append('one', 0n, [])).toBe(end)
  expect(calls).toEqual(['register', 'append', 'register', 'append', 'register', 'append'])
})

test('whoever asked is told where that goes on, or where it is not known what came of it', async () => {
  await expect(setUp(9).append('one', 0n, [])).rejects.toThrow('replaced')
  const { calls, append } = setUp(1, new Undecided('no answer'))
  await expect(append('one', 0n, [])).rejects.toThrow('no answer')
  expect(calls).toEqual(['register', 'append'])
})
