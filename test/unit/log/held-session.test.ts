import { expect, test } from 'vitest'
import { makeHeldSession, Unavailable, Undecided } from '../../../kvs/log/index.ts'

/** Connections that are numbered, and a clock on which a test lets idle time pass. */
function setUp() {
  const opened: { number: number; isClosed: boolean; lose: () => void }[] = []
  let due: (() => void)[] = []
  const clock = {
    after(_ms: number, callback: () => void) {
      due.push(callback)
      const timer = { cancel: () => undefined, unref: () => timer }
      return timer
    },
  }
  async function open() {
    const { promise: lost, resolve } = Promise.withResolvers<void>()
    const session = { number: opened.length + 1, isClosed: false, lose: resolve }
    opened.push(session)
    const close = async () => {
      session.isClosed = true
      resolve()
    }
    return { number: session.number, lost, close }
  }
  return {
    opened,
    held: makeHeldSession(open, clock),
    async passIdleTime() {
      const callbacks = due
      due = []
      for (const callback of callbacks) callback()
      await Promise.resolve()
    },
  }
}

type Kept = { readonly number: number }

const numberOf = async ({ number }: Kept) => number

/** Fails over one of the connections. */
const failsOver = (failing: number, error: Error) => async (kept: Kept) => {
  if (kept.number === failing) throw error
  return kept.number
}

test('one connection serves one use after the other, and several at once', async () => {
  const { opened, held } = setUp()
  held.getReady()
  expect(await Promise.all([held.use(numberOf), held.use(numberOf)])).toEqual([1, 1])
  expect(await held.use(numberOf)).toBe(1)
  expect(opened).toHaveLength(1)
})

test('it is closed once nobody has used it for a while', async () => {
  const { opened, held, passIdleTime } = setUp()
  await held.use(numberOf)
  await passIdleTime()
  expect(opened[0]?.isClosed).toBe(true)
  expect(await held.use(numberOf)).toBe(2)
})

test('a use keeps it for as long again, as does getting ready', async () => {
  const { opened, held, passIdleTime } = setUp()
  await held.use(numberOf)
  await held.use(numberOf)
  await passIdleTime()
  held.getReady()
  await passIdleTime()
  expect(opened).toMatchObject([{ isClosed: false }])
  await passIdleTime()
  expect(opened).toMatchObject([{ isClosed: true }])
})

test('one that was lost is not used again', async () => {
  const { opened, held } = setUp()
  await held.use(numberOf)
  opened[0]?.lose()
  await Promise.resolve()
  expect(await held.use(numberOf)).toBe(2)
})

test.each([new Unavailable('gone'), new Undecided('no answer')])(
  'it is given up after %s, and nothing is done again',
  async (error) => {
    const { opened, held } = setUp()
    await expect(held.use(failsOver(1, error))).rejects.toBe(error)
    expect(opened).toMatchObject([{ isClosed: true }])
    expect(await held.use(numberOf)).toBe(2)
  },
)

test('it is kept where what was asked for is refused', async () => {
  const { opened, held } = setUp()
  await expect(held.use(failsOver(1, new Error('conflict')))).rejects.toThrow('conflict')
  expect(await held.use(numberOf)).toBe(1)
  expect(opened).toMatchObject([{ isClosed: false }])
})

test('one that is in use is not idle', async () => {
  const { opened, held, passIdleTime } = setUp()
  const { promise, resolve } = Promise.withResolvers<number>()
  const use = held.use(() => promise)
  await new Promise((done) => setImmediate(done))
  await passIdleTime()
  await passIdleTime()
  expect(opened).toMatchObject([{ isClosed: false }])
  resolve(7)
  expect(await use).toBe(7)
  await passIdleTime()
  expect(opened).toMatchObject([{ isClosed: true }])
})

test('once dropped, it is closed, and the next use connects anew', async () => {
  const { opened, held } = setUp()
  held.drop()
  await held.use(numberOf)
  held.drop()
  expect(await held.use(numberOf)).toBe(2)
  expect(opened).toMatchObject([{ isClosed: true }, { isClosed: false }])
})

test('getting ready in vain is told to whoever uses it next, by a try of its own', async () => {
  let tries = 0
  const open = async () => {
    throw new Unavailable(`try ${++tries}`)
  }
  const held = makeHeldSession<never>(open, { after: () => expect.unreachable() })
  held.getReady()
  await new Promise((resolve) => setImmediate(resolve))
  await expect(held.use(async () => undefined)).rejects.toThrow('try 2')
})
