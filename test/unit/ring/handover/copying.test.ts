import { expect, test } from 'vitest'
import type { Found, MovedWrite } from '../../../../kvs/core/entry.ts'
import { KvsError } from '../../../../kvs/core/errors.ts'
import { type Position, positionAt, sequenceIn } from '../../../../kvs/core/position.ts'
import { allSlots } from '../../../../kvs/core/ring/slot-ranges.ts'
import type { AskedKeys, MovedPage } from '../../../../kvs/kv/index.ts'
import { type AskedAhead, makeCopy } from '../../../../kvs/ring/handover/copying.ts'
import { makeOffers, type Offers } from '../../../../kvs/ring/handover/offers.ts'
import type { MemberClient } from '../../../../kvs/ring/member-client.ts'
import { put } from '../../../support/entries.ts'
import { makeLogWithNodes, orderedKeys, ringAt } from './log-node.ts'

const [a, b] = ['a:1', 'b:1']
const before = new Map([[9999, a]])
const after = new Map([[9999, b]])

type Giving = Pick<MemberClient, 'movedKeys' | 'movedChanges'>

/** What takes the keys of the slots, and holds what it has stored. */
function makeTaker(giving: Giving, already: Iterable<[string, Found]> = [], ahead?: AskedAhead) {
  const held = new Map(already)
  const copy = makeCopy(
    { keysIn: async () => orderedKeys(held.keys()), heldValue: (key) => held.get(key) },
    { giver: giving as MemberClient, ringId: 'beef', version: 3, slots: allSlots },
    ahead,
  )
  async function store(moved: readonly MovedWrite[]): Promise<void> {
    for (const { write, earlier } of moved) {
      if (write.kind === 'delete') held.delete(write.key)
      else
        held.set(write.key, {
          ...earlier,
          value: write.value,
          contentType: write.contentType,
          deadline: write.deadline,
        })
    }
  }
  return { copy, held, step: () => copy.step(store) }
}

/** Pages of keys, one key each, that were found when the log was at these sequences. */
function makePagesFrom(sequences: readonly bigint[]) {
  const position = (sequence: bigint): Position => positionAt('log', sequence)
  const asked: bigint[] = []
  const giving: Giving = {
    async movedKeys({ after: from }) {
      const at = from === undefined ? 0 : Number(from.slice(1)) + 1
      const earlier = { tag: `log-${at + 1}-0000000a`, modifiedAt: 1 }
      const last = at === sequences.length - 1 ? undefined : `k${at}`
      return { position: position(sequences[at] ?? 0n), items: [{ write: put(`k${at}`), earlier }], last }
    },
    async movedChanges({ after: from }) {
      asked.push(sequenceIn(from, 'log'))
      return { position: position(9n), items: [], last: undefined }
    },
  }
  return { giving, asked }
}

test.each([
  ['the first one', [3n, 5n, 4n]],
  ['one between', [5n, 3n, 4n]],
  ['the last one', [5n, 4n, 3n]],
])('pages may tell of different positions: the earliest counts, as that of %s', async (_, sequences) => {
  const { giving, asked } = makePagesFrom(sequences)
  const { copy, held, step } = makeTaker(giving)
  while (copy.position === undefined) await step()
  expect(sequenceIn(copy.position, 'log')).toBe(3n)
  expect([...held.keys()]).toEqual(['k0', 'k1', 'k2'])
  await step()
  expect(asked).toEqual([3n])
  expect([copy.isNear, sequenceIn(copy.position, 'log')]).toEqual([true, 9n])
})

/** The same, with the keys after which pages are asked for, and any of which may get no answer. */
function makeWatched({ movedKeys, movedChanges }: Giving) {
  const asked: (string | undefined)[] = []
  const failing = new Set<string | undefined>()
  const giving: Giving = {
    async movedKeys(part) {
      asked.push(part.after)
      if (failing.delete(part.after)) throw new KvsError('cannot_forward', 'no answer in time')
      return movedKeys(part)
    },
    movedChanges,
  }
  return { giving, asked, failing }
}

test('while a page is stored the next one is asked for, and no other', async () => {
  const { giving, asked } = makeWatched(makePagesFrom([3n, 3n, 3n]).giving)
  const { copy } = makeTaker(giving)
  const askedByThen: (string | undefined)[][] = []
  const store = async () => void askedByThen.push([...asked])
  while (copy.position === undefined) await copy.step(store)
  const all = [undefined, 'k0', 'k1']
  expect(askedByThen).toEqual([all.slice(0, 2), all, all])
})

test('of several copies one has a page that was asked for ahead, until it takes it', async () => {
  const ahead: AskedAhead = { by: undefined }
  const all = [undefined, 'k0', 'k1']
  const [one, other] = ['one', 'other'].map(() => makeWatched(makePagesFrom([3n, 3n, 3n]).giving))
  if (one === undefined || other === undefined) throw new Error('there are two')
  const [first, second] = [makeTaker(one.giving, [], ahead), makeTaker(other.giving, [], ahead)]
  await first.step()
  await second.step()
  expect([one.asked, other.asked]).toEqual([all.slice(0, 2), all.slice(0, 1)])
  while (first.copy.position === undefined) await first.step()
  await second.step()
  expect([one.asked, other.asked]).toEqual([all, all])
})

test('a page that was asked for ahead and does not come is asked for again', async () => {
  const { giving, asked, failing } = makeWatched(makePagesFrom([3n, 3n, 3n]).giving)
  const { copy, held, step } = makeTaker(giving)
  failing.add('k0')
  expect(await step()).toBe(1)
  await expect(step()).rejects.toMatchObject({ code: 'cannot_forward' })
  while (copy.position === undefined) await step()
  expect(asked).toEqual([undefined, 'k0', 'k0', 'k1'])
  expect([...held.keys()]).toEqual(['k0', 'k1', 'k2'])
})

test('as long as no key is found the same page is asked for, and the position of the first answer counts', async () => {
  const pages = makePagesFrom([5n, 5n]).giving
  const looking = [2n, 4n, 5n]
  const { giving, asked } = makeWatched({
    ...pages,
    async movedKeys(part) {
      const sequence = looking.shift()
      if (sequence === undefined) return pages.movedKeys(part)
      return { position: positionAt('log', sequence), items: [], last: part.after ?? '' }
    },
  })
  const { copy, held, step } = makeTaker(giving)
  while (copy.position === undefined) await step()
  expect(asked).toEqual([undefined, undefined, undefined, undefined, 'k0'])
  expect([sequenceIn(copy.position, 'log'), ...held.keys()]).toEqual([2n, 'k0', 'k1'])
})

/** Two nodes of the log that gives; each asks its own copy of what it has found. Two of these values are a page. */
function makeGiver() {
  const giver = makeLogWithNodes(a)
  giver.bind(ringAt(2, before), allSlots)
  giver.bind(ringAt(3, before, after), allSlots)
  for (const key of ['k1', 'k2', 'k4']) giver.put(key, 'v'.repeat(600_000))
  return { ...giver, offers: [makeOffers(giver.startNode()), makeOffers(giver.startNode())] as const }
}

/** Has each page of keys come from the offers that are next, where its answer may be lost. */
function balance(turns: { readonly offers: Offers; readonly isLost?: boolean }[], rest: Offers): Giving {
  async function movedKeys(asked: AskedKeys): Promise<MovedPage> {
    const { offers, isLost = false } = turns.shift() ?? { offers: rest }
    const page = await offers.movedKeys(asked)
    if (isLost) throw new KvsError('cannot_forward', 'no answer in time')
    return page
  }
  return { movedKeys, movedChanges: rest.movedChanges }
}

test('a key that is written after an answer that was lost is taken, whichever node has the next page', async () => {
  for (const [second, third] of [
    [0, 0],
    [0, 1],
    [1, 0],
    [1, 1],
  ] as const) {
    const { offers, log, put: write, settle } = makeGiver()
    const turns = [{ offers: offers[0], isLost: true }, { offers: offers[second] }, { offers: offers[third] }]
    const { copy, held, step } = makeTaker(balance(turns, offers[0]))
    await expect(step()).rejects.toMatchObject({ code: 'cannot_forward' })
    write('k3')
    write('k1', 'w'.repeat(600_000))
    while (!copy.isNear) await settle(step())
    expect(turns).toEqual([])
    expect([...held.keys()].toSorted()).toEqual(['k1', 'k2', 'k3', 'k4'])
    for (const [key, { tag }] of log.held) expect(held.get(key)?.tag).toBe(tag)
  }
})

test('what is here and not there is deleted, and what is the same is left alone', async () => {
  const { offers, log, settle } = makeGiver()
  const foreign: Found = { ...(log.held.get('k2') as Found), tag: 'other-1-0000000a' }
  const { copy, held, step } = makeTaker(offers[0], [...log.held, ['k3', foreign], ['k2', foreign], ['k9', foreign]])
  while (!copy.isNear) await settle(step())
  expect(new Map([...held].map(([key, { tag }]) => [key, tag]))).toEqual(
    new Map([...log.held].map(([key, { tag }]) => [key, tag])),
  )
})
