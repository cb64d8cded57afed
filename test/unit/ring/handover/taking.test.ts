import { expect, test } from 'vitest'
import { KvsError } from '../../../../kvs/core/errors.ts'
import { positionAt } from '../../../../kvs/core/position.ts'
import { makeTaking, type TakingParts } from '../../../../kvs/ring/handover/taking.ts'
import type { MemberClient } from '../../../../kvs/ring/member-client.ts'
import { put } from '../../../support/entries.ts'
import { keyIn } from '../formed-ring.ts'
import { makeLogWithNodes, ringAt, silent } from './log-node.ts'

const [a, b, c] = ['a:1', 'b:1', 'c:1']
const before = new Map([
  [5000, a],
  [9999, b],
])
const ring = ringAt(3, before, new Map([[9999, c]]))

/** A member that has one key, and all changes through sequence 9. */
function makeGiver(address: string, key: string): Pick<MemberClient, 'movedKeys' | 'movedChanges' | 'movedAnswers'> {
  const position = positionAt(address, 9n)
  const earlier = { tag: `${address}-1-0000000a`, modifiedAt: 1 }
  return {
    movedKeys: async () => ({ position, items: [{ write: put(key), earlier }], last: undefined }),
    movedChanges: async () => ({ position, items: [], last: undefined }),
    movedAnswers: async ({ after }) => ({ answers: [], through: after, isLast: true }),
  }
}

/** The member c:1, which takes what a:1 and b:1 have. */
function makeTaker(prepare?: TakingParts['binding']['prepare']) {
  const taker = makeLogWithNodes(c)
  const bind = () => taker.bind(ring, [])
  const logNode = taker.startNode()
  const down = new Set<string>()
  const [ofA, ofB] = [makeGiver(a, keyIn(0, 5000)), makeGiver(b, keyIn(5001, 9999))]
  let movers = 0
  const refusing = { isOn: false }
  const taking = makeTaking({
    ...logNode,
    binding: {
      async prepare(asked) {
        await prepare?.(asked)
        bind()
        logNode.applyAll()
      },
    },
    ringLog: {
      async openMover() {
        movers++
        const mover = await logNode.ringLog.openMover()
        return mover && { ...mover, append: (...args) => (refusing.isOn ? refuse() : mover.append(...args)) }
      },
    },
    memberAt: (address) => {
      const giver = address === a ? ofA : ofB
      const refused = async () => {
        // As a node that was halted: no answer comes.
        await taker.clock.sleep(1_000)
        throw new KvsError('cannot_forward', 'no answer in time')
      }
      const ask = <T>(act: () => Promise<T>) => (down.has(address) ? refused() : act())
      return {
        movedKeys: (asked) => ask(() => giver.movedKeys(asked)),
        movedChanges: (asked) => ask(() => giver.movedChanges(asked)),
        movedAnswers: (asked) => ask(() => giver.movedAnswers(asked)),
      } as MemberClient
    },
    pace: { after: async () => undefined },
    ...{ stopping: new AbortController().signal, logger: silent },
  })
  return { ...taker, taking, down, refusing, givers: [ofA, ofB], movers: () => movers }
}

async function refuse(): Promise<never> {
  throw new KvsError('log_down', 'the disk is full')
}

test('all is copied, and then taken once those that give say so', async () => {
  const { taking, settle, pass, log } = makeTaker()
  await settle(taking.take(ring, undefined))
  await pass(2_000)
  expect(await settle(taking.take(ring, undefined))).toMatchObject({ state: 'following', obstacle: undefined })
  const gives = new Map([a, b].map((address) => [address, positionAt(address, 9n)]))
  expect(await settle(taking.take(ring, gives))).toMatchObject({ state: 'taken', obstacle: undefined })
  expect(log.keys().size).toBe(2)
})

test.each([a, b])(
  'as long as %s gives no answer, whatever the other one does, that is what is told',
  async (address) => {
    const { taking, settle, pass, down } = makeTaker()
    down.add(address)
    await settle(taking.take(ring, undefined))
    await pass(3_000)
    for (let time = 0; time < 100; time++) {
      const { state, obstacle } = await settle(taking.take(ring, undefined))
      expect([state, obstacle]).toEqual(['copying', expect.stringContaining(`${address}: no answer in time`)])
      await pass(37)
    }
    down.clear()
    await pass(3_000)
    expect(await settle(taking.take(ring, undefined))).toMatchObject({ state: 'following', obstacle: undefined })
  },
)

test('as long as this log refuses what is to be stored, that is what is told, although pages come', async () => {
  const { taking, settle, pass, clock, refusing, givers, log } = makeTaker()
  refusing.isOn = true
  // Each other page says that no key was found yet: to be asked for it is no sign that the log takes something.
  for (const giver of givers) {
    const { movedKeys } = giver
    let asked = 0
    giver.movedKeys = async (...args) => {
      const page = await movedKeys(...args)
      if (++asked % 2 === 0) return page
      await clock.sleep(1_000)
      return { ...page, items: [], last: '' }
    }
  }
  await settle(taking.take(ring, undefined))
  await pass(10_000)
  for (let time = 0; time < 100; time++) {
    expect(await settle(taking.take(ring, undefined))).toMatchObject({ obstacle: 'the disk is full' })
    await pass(37)
  }
  refusing.isOn = false
  await pass(10_000)
  expect(await settle(taking.take(ring, undefined))).toMatchObject({ state: 'following', obstacle: undefined })
  expect(log.keys().size).toBe(2)
})

test('those who ask while a start fails have one run started', async () => {
  let prepared = 0
  const { promise, reject } = Promise.withResolvers<void>()
  const { taking, settle, movers } = makeTaker(() => (++prepared === 1 ? promise : Promise.resolve()))
  const first = taking.take(ring, undefined)
  const others = [taking.take(ring, undefined), taking.take(ring, undefined)]
  reject(new KvsError('log_down'))
  await expect(first).rejects.toMatchObject({ code: 'log_down' })
  await settle(Promise.all(others))
  expect([prepared, movers()]).toEqual([2, 1])
})
