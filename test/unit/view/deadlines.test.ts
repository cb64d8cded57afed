import fc from 'fast-check'
import { expect, test } from 'vitest'
import { makeDeadlines } from '../../../kvs/view/deadlines.ts'
import { makeSeededRandom } from '../../../tools/lab/seeded-random.ts'

/** Deadlines beside a plain model of them, and the slot that each record was told. */
function makeModelled() {
  const slots = new Map<number, number>()
  const pending = new Map<number, number>()
  const lapsed = new Set<number>()
  const deadlines = makeDeadlines((address, slot) => slots.set(address, slot))
  const slotOf = (address: number) => slots.get(address) ?? -1

  return {
    deadlines,
    addresses: () => [...pending.keys(), ...lapsed],

    add(address: number, deadline: number) {
      deadlines.add(address, deadline)
      pending.set(address, deadline)
    },

    remove(address: number) {
      deadlines.remove(slotOf(address))
      pending.delete(address)
      lapsed.delete(address)
    },

    move(from: number, to: number) {
      const slot = slotOf(from)
      slots.set(to, slot)
      deadlines.move(slot, to)
      const deadline = pending.get(from)
      if (deadline !== undefined) pending.set(to, deadline)
      if (lapsed.delete(from)) lapsed.add(to)
      pending.delete(from)
    },

    lapse(now: number) {
      const address = deadlines.lapse(now)
      const earliest = Math.min(...pending.values())
      if (earliest > now) {
        expect(address).toBe(0)
        return
      }
      expect(pending.get(address)).toBe(earliest)
      pending.delete(address)
      lapsed.add(address)
    },

    check() {
      expect([deadlines.pending, deadlines.lapsed]).toEqual([pending.size, lapsed.size])
      expect(deadlines.next).toBe(pending.size === 0 ? undefined : Math.min(...pending.values()))
      const listed = Array.from({ length: deadlines.lapsed }, (_, index) => deadlines.lapsedAt(index))
      expect(new Set(listed)).toEqual(lapsed)
      const used = [...pending.keys(), ...lapsed].map(slotOf)
      expect(new Set(used).size).toBe(used.length)
    },
  }
}

const step = fc.record({
  kind: fc.constantFrom('add', 'add', 'add', 'remove', 'move', 'lapse', 'lapse'),
  pick: fc.nat(),
  deadline: fc.integer({ min: 0, max: 20 }),
})

test('any steps leave what a plain map of deadlines would have', () => {
  fc.assert(
    fc.property(fc.array(step, { size: '+2' }), (steps) => {
      const modelled = makeModelled()
      let next = 1
      for (const { kind, pick, deadline } of steps) {
        const addresses = modelled.addresses()
        const address = addresses[pick % Math.max(1, addresses.length)]
        if (kind === 'add') modelled.add(next++, deadline)
        else if (kind === 'lapse') modelled.lapse(deadline)
        else if (address === undefined) continue
        else if (kind === 'remove') modelled.remove(address)
        else modelled.move(address, next++)
        modelled.check()
      }
    }),
  )
})

test('so do many, over more than one piece of memory, which is given back', () => {
  const { integer } = makeSeededRandom(1, 'deadlines')
  const slots = new Map<number, number>()
  const deadlines = makeDeadlines((address, slot) => slots.set(address, slot))
  const due = new Map<number, number>()
  for (let address = 1; address <= 100_000; address++) {
    const deadline = integer(0, 1_000_000)
    deadlines.add(address, deadline)
    due.set(address, deadline)
  }
  const taken = deadlines.bytes
  for (let address = 3; address <= 100_000; address += 3) {
    deadlines.remove(slots.get(address) ?? -1)
    due.delete(address)
  }
  const inOrder = [...due.values()].sort((one, other) => one - other)
  const lapsed = inOrder.map(() => due.get(deadlines.lapse(Infinity)))
  expect(lapsed).toEqual(inOrder)
  expect([deadlines.pending, deadlines.lapsed, deadlines.lapse(Infinity)]).toEqual([0, due.size, 0])
  const listed = Array.from({ length: due.size }, (_, index) => deadlines.lapsedAt(index))
  expect(listed.sort((one, other) => one - other)).toEqual([...due.keys()])
  for (const address of due.keys()) deadlines.remove(slots.get(address) ?? -1)
  expect([deadlines.pending, deadlines.lapsed]).toEqual([0, 0])
  expect(taken).toBeGreaterThan(12 * 100_000)
  expect(deadlines.bytes).toBeLessThan(taken / 2)
})

test('a deadline lapses at its very moment, and not before', () => {
  const deadlines = makeDeadlines(() => undefined)
  deadlines.add(7, 1_000.5)
  expect([deadlines.lapse(1_000.4), deadlines.pending, deadlines.next]).toEqual([0, 1, 1_000.5])
  expect([deadlines.lapse(1_000.5), deadlines.pending, deadlines.next]).toEqual([7, 0, undefined])
})
