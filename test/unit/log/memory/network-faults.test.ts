import { randomUUID } from 'node:crypto'
import { beforeEach, describe, expect, test } from 'vitest'
import { Unappendable, Unavailable, Undecided } from '../../../../kvs/log/index.ts'
import {
  type Fate,
  type Link,
  type MemoryLogOptions,
  type MemoryServer,
  type Message,
  makeMemoryLog,
  makeMemoryServer,
  type Network,
} from '../../../../kvs/log/memory/index.ts'
import { spooled } from '../../../contract/log/batches.ts'
import { put } from '../../../support/entries.ts'
import { makeManualClock } from './manual-clock.ts'

let server: MemoryServer
let clock: ReturnType<typeof makeManualClock>
beforeEach(() => {
  clock = makeManualClock()
  server = makeMemoryServer({ clock })
})

function makeLog(network: Network, options: Partial<MemoryLogOptions> = {}) {
  return makeMemoryLog({ server, network, clock, writerId: randomUUID(), timeoutMs: 1_000, ...options })
}

/** A network that lets everything arrive but what a test stops. */
function makeNetwork() {
  const messages: Message[] = []
  const links: Link[] = []
  let judge: (message: Message) => Fate | Promise<Fate> = () => 'arrives'
  const network: Network = {
    async carry(message) {
      messages.push(message)
      return judge(message)
    },
    opened: (link) => void links.push(link),
  }
  return {
    network,
    messages,
    links,
    decide(next: typeof judge) {
      judge = next
    },
  }
}

const keys = () => server.entries.map(({ key }) => key)

describe('a message', () => {
  test('that is lost is missed when its time is over, and not before', async () => {
    const { network, decide } = makeNetwork()
    const session = await makeLog(network).open()
    decide(() => 'lost')
    let error: unknown
    const read = session.read(0n).catch((reason) => {
      error = reason
    })
    await clock.advance(999)
    expect(error).toBeUndefined()
    await clock.advance(1)
    await read
    expect(error).toBeInstanceOf(Unavailable)
    expect(await session.lost).toBeInstanceOf(Unavailable)
  })

  test('that is reset ends the connection at once; a request is not done then, and an answer’s is', async () => {
    for (const leg of ['request', 'answer'] as const) {
      const { network, decide } = makeNetwork()
      const session = await makeLog(network).open()
      decide((message) => (message.leg === leg ? 'reset' : 'arrives'))
      await expect(session.append([put(leg)])).rejects.toThrow(Undecided)
      await session.lost
    }
    expect(keys()).toEqual(['answer'])
  })

  test('tells what it is, whose, and over which connection', async () => {
    const { network, messages, links } = makeNetwork()
    const log = makeLog(network, { writerId: 'w' })
    await (await log.open()).close()
    const session = await log.open()
    messages.length = 0
    await session.append([put('a')])
    const told = { kind: 'append', writerId: 'w', connection: 2 }
    expect(messages).toEqual([
      { ...told, leg: 'request' },
      { ...told, leg: 'answer' },
    ])
    expect(links.map(({ connection }) => connection)).toEqual([1, 2])
  })

  test('of the server to a node may be lost: notifications, and that it has ended the connection', async () => {
    const { network, decide } = makeNetwork()
    const session = await makeLog(network).open()
    session.onOthersAppended(() => expect.unreachable())
    decide(({ kind }) => (kind === 'notification' || kind === 'end' ? 'lost' : 'arrives'))
    await (await makeLog(makeNetwork().network).open()).append([put('a')])
    expect((await session.askHead()).sequence).toBe(1n)
    server.endSessions()
    const asked = expect(session.askHead()).rejects.toThrow(Unavailable)
    await clock.advance(500)
    await asked
  })
})

describe('a batch on its way', () => {
  test('lands before one that was sent earlier over another connection, where the network has it so', async () => {
    const slow = makeNetwork()
    const [first, second] = [await makeLog(slow.network).open(), await makeLog(makeNetwork().network).open()]
    const arrival = Promise.withResolvers<Fate>()
    slow.decide(({ leg }) => (leg === 'request' ? arrival.promise : 'arrives'))
    const appended = first.append([put('first')])
    await second.append([put('second')])
    arrival.resolve('arrives')
    expect((await appended).sequence).toBe(2n)
    expect(keys()).toEqual(['second', 'first'])
  })

  test('lands after its connection is gone for its node, up to its deadline', async () => {
    for (const [wait, landed] of [
      [990, true],
      [998, false],
    ] as const) {
      const { network, decide, links } = makeNetwork()
      const session = await makeLog(network).open()
      const arrival = Promise.withResolvers<Fate>()
      decide(({ leg }) => (leg === 'request' ? arrival.promise : 'arrives'))
      const appended = expect(session.append([put(`after ${wait} ms`)])).rejects.toThrow(Undecided)
      await clock.advance(0)
      links[0]?.reset('the node')
      await appended
      await clock.advance(wait)
      arrival.resolve('arrives')
      await clock.advance(0)
      expect(keys().includes(`after ${wait} ms`)).toBe(landed)
    }
  })

  test('never lands where both ends saw the connection break', async () => {
    const { network, decide, links } = makeNetwork()
    const session = await makeLog(network).open()
    const arrival = Promise.withResolvers<Fate>()
    decide(({ leg }) => (leg === 'request' ? arrival.promise : 'arrives'))
    const appended = expect(session.append([put('a')])).rejects.toThrow(Undecided)
    await clock.advance(0)
    links[0]?.reset('both ends')
    await appended
    arrival.resolve('arrives')
    await clock.advance(0)
    expect(keys()).toEqual([])
  })

  test('of spooled writes has no deadline: it lands, or is fenced', async () => {
    for (const isFenced of [false, true]) {
      const { network, decide } = makeNetwork()
      const writerId = randomUUID()
      const session = await makeLog(network, { writerId }).open()
      const arrival = Promise.withResolvers<Fate>()
      decide(({ leg }) => (leg === 'request' ? arrival.promise : 'arrives'))
      const appended = expect(session.appendSpooled([spooled(1n, `${isFenced}`)], 0n)).rejects.toThrow(Undecided)
      await clock.advance(10_000)
      await appended
      const next = isFenced ? await makeLog(makeNetwork().network, { writerId }).open() : undefined
      arrival.resolve('arrives')
      await clock.advance(0)
      expect(next?.committed.number ?? 0n).toBe(0n)
    }
    expect(keys()).toEqual(['false'])
  })

  test('is not stored where the server’s clock has jumped past its deadline', async () => {
    const session = await makeLog(makeNetwork().network).open()
    await session.append([put('a')])
    clock.jump(2_000)
    await expect(session.append([put('b')])).rejects.toThrow(Undecided)
    expect(keys()).toEqual(['a'])
  })
})

test('a registration that arrives after the next one takes nothing over', async () => {
  const { network, decide } = makeNetwork()
  const writerId = randomUUID()
  const log = makeLog(network, { writerId })
  await (await log.open()).close()
  const arrival = Promise.withResolvers<Fate>()
  let registrations = 0
  decide(({ kind, leg }) => {
    const isSecond = kind === 'register' && leg === 'request' && ++registrations === 2
    return isSecond ? arrival.promise : 'arrives'
  })
  const given = expect(log.open()).rejects.toThrow(Unavailable)
  await clock.advance(1_000)
  await given
  decide(() => 'arrives')
  const session = await log.open()
  arrival.resolve('arrives')
  await clock.advance(0)
  expect((await session.append([put('a')])).sequence).toBe(1n)
})

test('a replay that is cut in the middle is told', async () => {
  const { network, decide } = makeNetwork()
  const log = makeLog(network, { pageLimits: { entries: 10, bytes: 1_000_000 } })
  await (await log.open()).append(Array.from({ length: 100 }, (_, n) => put(`k${n}`)))
  const session = await log.open()
  let pages = 0
  decide(({ kind, leg }) => (kind === 'replay' && leg === 'answer' && ++pages > 3 ? 'reset' : 'arrives'))
  let applied = 0
  await expect(session.replay(0n, () => applied++)).rejects.toThrow(Unavailable)
  expect(applied).toBe(30)
})

test('an earlier session that comes late appends nothing', async () => {
  const writerId = randomUUID()
  const { network, decide } = makeNetwork()
  const session = await makeLog(network, { writerId }).open()
  const arrival = Promise.withResolvers<Fate>()
  decide(({ leg }) => (leg === 'request' ? arrival.promise : 'arrives'))
  const late = expect(session.append([put('late')])).rejects.toThrow(Unappendable)
  await makeLog(makeNetwork().network, { writerId }).open()
  arrival.resolve('arrives')
  await late
  expect(keys()).toEqual([])
})
