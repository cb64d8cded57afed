import { expect, test } from 'vitest'
import { type KvsError, NotOwner } from '../../../kvs/core/errors.ts'
import { allSlots } from '../../../kvs/core/ring/slot-ranges.ts'
import { makeMemoryRingLog } from '../../../kvs/log/memory/index.ts'
import type { RingGuard } from '../../../kvs/replica/ring-hooks.ts'
import { makeSeededRandom } from '../../../tools/lab/seeded-random.ts'
import { put } from '../../support/entries.ts'
import { makeWorld } from './virtual-nodes.ts'

/** Keys that an entry on the ring of these tests gives away, or has again where it does not name them. */
const keysIn = (text: string) => text.split(' ').slice(1)

function makeGuard() {
  const guard = {
    unowned: [] as string[],
    state: () => ({ owns: allSlots }),
    note({ text }: { readonly text: string }) {
      guard.unowned = keysIn(text)
      return true
    },
    foresee(entry: { readonly text: string } | undefined) {
      guard.unowned = [...guard.unowned, ...keysIn(entry?.text ?? '')]
      return true
    },
    isCopy: (key: string) => guard.unowned.includes(key),
    requireOwned(key: string) {
      if (guard.unowned.includes(key)) throw new NotOwner('ring=1')
    },
  }
  return guard satisfies RingGuard
}

const keys = ['a', 'b', 'c', 'd', 'e', 'f']

test.each([1, 2, 3, 4, 5])(
  'no write lands after the entry that gives its key away, nodes go on, each answer is the log’s; seed %i',
  async (seed) => {
    const world = makeWorld(seed)
    const { integer } = makeSeededRandom(seed, 'clients')
    const spooling = { on: false, reason: null, maxBytes: 0 }
    const startMember = async () => {
      const ring = makeGuard()
      return world.start({ ring, spooling })
    }
    const nodes = [await startMember(), await startMember()]
    const ringLog = makeMemoryRingLog({ server: world.server, name: 'ring' })
    const answers: Promise<string>[] = []
    let stored = 0

    async function note(answer: Promise<unknown>): Promise<string> {
      try {
        await answer
        stored++
        return 'stored'
      } catch (error) {
        return (error as KvsError).code
      }
    }

    function ask(): void {
      const node = nodes[integer(0, 1)] ?? expect.fail()
      const key = keys[integer(0, keys.length - 1)] ?? 'a'
      const other = keys[integer(0, keys.length - 1)] ?? 'b'
      const kind = integer(0, 2)
      if (kind === 0) answers.push(note(node.store.write(put(key))))
      else if (kind === 1) {
        answers.push(note(node.store.writeIf({ write: put(key), precondition: {}, idempotencyKey: undefined })))
      } else {
        const operations = [put(key), put(other)]
        answers.push(note(node.store.transact({ conditions: [], operations, idempotencyKey: undefined })))
      }
    }

    for (let round = 0; round < 30; round++) {
      for (let n = integer(1, 8); n > 0; n--) ask()
      await world.pass(integer(0, 4))
      if (integer(0, 2) === 0) {
        const unowned = keys.filter(() => integer(0, 2) === 0)
        const last = BigInt(world.server.entries.length)
        await world.settled(ringLog.append(`${round} ${unowned.join(' ')}`.trim(), last, []))
      }
    }
    const settled = await world.settled(Promise.all(answers))
    expect(new Set(settled)).toEqual(new Set(['stored', 'not_owner']))
    let unowned: string[] = []
    let puts = 0
    for (const { key, value } of world.server.entries) {
      if (value === undefined) unowned = keysIn(key)
      else if (unowned.includes(key)) expect.fail(`${key} has landed`)
      else puts++
    }
    expect(puts).toBeGreaterThanOrEqual(stored)
    // No session has ended on the way.
    for (const { store } of nodes) expect([store.status().state, store.followed.session()]).toEqual(['serving', 1])
  },
)
