import { expect, test } from 'vitest'
import { positionAt } from '../../../../kvs/core/position.ts'
import { allSlots } from '../../../../kvs/core/ring/slot-ranges.ts'
import { makeOffers } from '../../../../kvs/ring/handover/offers.ts'
import { makeLogWithNodes, ringAt } from './log-node.ts'

const [a, b] = ['a:1', 'b:1']
const before = new Map([[9999, a]])
const after = new Map([[9999, b]])
const asked = { ringId: 'beef', version: 3, slots: allSlots, after: undefined }
const over = { code: 'ring_conflict', message: expect.stringContaining('is over') }
/** Two of these are a page. */
const large = 'v'.repeat(600_000)

/** A member that is to give all keys away, by the version 3 of its ring. */
function makeGiver() {
  const giver = makeLogWithNodes(a)
  giver.bind(ringAt(2, before), allSlots)
  giver.bind(ringAt(3, before, after), allSlots)
  for (const key of ['k1', 'k2', 'k3']) giver.put(key, large)
  const logNode = giver.startNode()
  const { node } = logNode
  const { keysIn } = node
  const scans = { count: 0, hold: async (_goesOn?: () => void): Promise<void> => undefined }
  node.keysIn = async (slots, goesOn) => {
    scans.count++
    await scans.hold(goesOn)
    return keysIn(slots)
  }
  return { ...giver, ...logNode, scans, offers: makeOffers(logNode) }
}

const keysOf = ({ items }: { items: readonly { write: { key: string } }[] }) => items.map(({ write }) => write.key)

test('who asks again while the keys are looked for, or soon after, is served by what is found', async () => {
  const { offers, scans } = makeGiver()
  const { promise, resolve } = Promise.withResolvers<void>()
  scans.hold = () => promise
  const pages = [offers.movedKeys(asked), offers.movedKeys(asked)]
  resolve()
  expect((await Promise.all(pages)).map(keysOf)).toEqual([
    ['k1', 'k2'],
    ['k1', 'k2'],
  ])
  expect(keysOf(await offers.movedKeys(asked))).toEqual(['k1', 'k2'])
  expect(keysOf(await offers.movedKeys({ ...asked, after: 'k2' }))).toEqual(['k3'])
  expect(scans.count).toBe(1)
})

test('who asks for keys that are looked for is told so after a second, and has the page once they are found', async () => {
  const { offers, log, scans, settle, pass, put } = makeGiver()
  const { promise, resolve } = Promise.withResolvers<void>()
  scans.hold = () => promise
  const position = positionAt(log.id, BigInt(log.entries.length))
  expect(await settle(offers.movedKeys(asked))).toEqual({ position, items: [], last: '' })
  expect(await settle(offers.movedKeys({ ...asked, after: 'k1' }))).toEqual({ position, items: [], last: 'k1' })
  const page = offers.movedKeys(asked)
  put('k4')
  await pass(900)
  resolve()
  expect(await settle(page)).toMatchObject({ position, last: 'k2' })
  expect(scans.count).toBe(1)
})

test('a search that fails after that is begun again', async () => {
  const { offers, scans, settle } = makeGiver()
  const { promise, reject } = Promise.withResolvers<void>()
  scans.hold = () => promise
  expect(keysOf(await settle(offers.movedKeys(asked)))).toEqual([])
  reject(new Error('not now'))
  await expect(settle(offers.movedKeys(asked))).rejects.toThrow('not now')
  scans.hold = async () => undefined
  expect(keysOf(await settle(offers.movedKeys(asked)))).toEqual(['k1', 'k2'])
})

test('where they could not be found they are looked for again', async () => {
  const { offers, scans } = makeGiver()
  scans.hold = () => Promise.reject(new Error('not now'))
  const pages = [offers.movedKeys(asked), offers.movedKeys(asked)]
  expect((await Promise.allSettled(pages)).map(({ status }) => status)).toEqual(['rejected', 'rejected'])
  scans.hold = async () => undefined
  expect(keysOf(await offers.movedKeys(asked))).toEqual(['k1', 'k2'])
  expect(scans.count).toBe(2)
})

test('what was found is kept until nobody has asked for half a minute', async () => {
  const { offers, scans, pass } = makeGiver()
  for (const [ms, count] of [
    [0, 1],
    [29_000, 1],
    [29_000, 1],
    // It is looked at every 30 s.
    [60_000, 2],
  ] as const) {
    await pass(ms)
    await offers.movedKeys(asked)
    expect(scans.count).toBe(count)
  }
})

test('no page is told of once the change is over, also where that came while the keys were looked for', async () => {
  const { offers, scans, bind, applyAll } = makeGiver()
  expect(keysOf(await offers.movedKeys(asked))).toEqual(['k1', 'k2'])
  const other = { ...asked, slots: [{ from: 0, through: 9998 }] }
  const { promise, resolve } = Promise.withResolvers<void>()
  scans.hold = () => promise
  const page = offers.movedKeys(other)
  bind(ringAt(4, before), allSlots)
  applyAll()
  resolve()
  await expect(page).rejects.toMatchObject(over)
  await expect(offers.movedKeys({ ...asked, after: 'k2' })).rejects.toMatchObject(over)
  await expect(offers.movedKeys({ ...asked, ringId: 'cafe' })).rejects.toThrow('is not in the ring cafe')
})

test('a search ends with the change that it is for', async () => {
  const { offers, scans, bind, applyAll, pass } = makeGiver()
  let end: unknown
  scans.hold = async (goesOn) => {
    await pass(500)
    bind(ringAt(4, before), allSlots)
    applyAll()
    try {
      goesOn?.()
    } catch (error) {
      end = error
      throw error
    }
  }
  await expect(offers.movedKeys(asked)).rejects.toMatchObject(over)
  expect(end).toMatchObject(over)
})

test('no changes are told of after an entry of a later version, which the node need not have applied', async () => {
  const { offers, log, bind, put, settle, own } = makeGiver()
  const from = (sequence: bigint) => settle(offers.movedChanges({ ...asked, after: positionAt(log.id, sequence) }))
  const { length } = log.entries
  put('k4')
  bind(ringAt(3, before, after), [])
  expect(keysOf(await from(BigInt(length)))).toEqual(['k4'])
  bind(ringAt(4, after), [])
  await expect(from(BigInt(length + 2))).rejects.toMatchObject(over)
  expect(own.bound?.ring.version).toBe(3)
})
