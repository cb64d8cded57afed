import { expect, test } from 'vitest'
import { formatRingEntry } from '../../../kvs/core/ring/ring-text.ts'
import { formatRanges, rangesInText } from '../../../kvs/core/ring/slot-ranges.ts'
import { makeOwnRing } from '../../../kvs/ring/own-ring.ts'
import { keyIn } from './formed-ring.ts'
import { ringAt, silent } from './handover/log-node.ts'

const [a, b] = ['a:1', 'b:1']
const wanted = new Map([
  [3000, a],
  [8000, b],
])

const entry = (sequence: bigint, owns: string) => {
  const ring = ringAt(Number(sequence), wanted)
  return { sequence, text: formatRingEntry({ ring, self: a, owns: rangesInText(owns) ?? expect.fail(owns) }) }
}

/** The ring as a member knows it whose log owned the slots 0 to 4999 at sequence 1. */
function makeOwn() {
  const own = makeOwnRing(a, silent)
  own.note(entry(1n, '0-4999'))
  own.noteNoCopies(1n)
  return own
}

test('of what is foreseen, losses count at once, and gains once they are applied', () => {
  const own = makeOwn()
  const [lost, kept, gained] = [keyIn(0, 1999), keyIn(2000, 4999), keyIn(5000, 6000)]
  expect(own.foresee(entry(5n, '2000-6000'))).toBe(true)
  expect(formatRanges(own.owns)).toBe('2000-4999')
  expect([lost, kept, gained].map(own.ownsKey)).toEqual([false, true, false])
  // What it will lose and what it will gain are both another's, or not here, for now.
  expect([lost, kept, gained].map(own.isCopy)).toEqual([true, false, true])
  expect(() => own.requireOwned(lost)).toThrow()
  expect(own.boundAt).toBe(1n)

  expect(own.note(entry(5n, '2000-6000'))).toBe(true)
  expect(formatRanges(own.owns)).toBe('2000-6000')
  expect([lost, kept, gained].map(own.isCopy)).toEqual([true, false, false])
})

test('entries before the one that is foreseen are applied without its gains, or with its losses undone', () => {
  const own = makeOwn()
  own.foresee(entry(5n, '2000-6000'))
  own.note(entry(3n, '0-6000'))
  expect(formatRanges(own.owns)).toBe('2000-6000')
  own.note(entry(4n, '0-4999'))
  expect(formatRanges(own.owns)).toBe('2000-4999')
  own.note(entry(5n, '2000-6000'))
  own.note(entry(6n, '0-9999'))
  expect(formatRanges(own.owns)).toBe('0-9999')
})

test('what is foreseen is taken back where the log has lost it', () => {
  const own = makeOwn()
  own.foresee(entry(5n, '2000-6000'))
  expect(own.foresee(undefined)).toBe(true)
  expect(formatRanges(own.owns)).toBe('0-4999')
  expect(own.foresee(undefined)).toBe(false)
})

test('a log without an entry owns what others say, whatever change is under way', () => {
  const next = new Map([...wanted, [9000, 'c:1']])
  const hears = (self: string, joining: string[]) => {
    const own = makeOwnRing(self, silent)
    own.hear({ ...ringAt(3, wanted, next), joining })
    return formatRanges(own.owns)
  }
  expect(hears(a, ['c:1'])).toBe('0-3000,8001-9999')
  expect(hears(b, [])).toBe('3001-8000')
  // Who joins has all to itself until it gives that up.
  expect(hears('c:1', ['c:1'])).toBe('0-9999')
})

test('there is news with each entry of the log, each that is foreseen, and each newer version', () => {
  const own = makeOwn()
  let isTold = false
  const end = own.onNews(() => {
    isTold = true
  })
  const tells = (act: () => unknown) => {
    isTold = false
    act()
    return isTold
  }
  expect(tells(() => own.note(entry(2n, '0-4999')))).toBe(true)
  expect(tells(() => own.hear(ringAt(9, wanted)))).toBe(true)
  expect(tells(() => own.hear(ringAt(8, wanted)))).toBe(false)
  expect(tells(() => own.foresee(entry(5n, '2000-6000')))).toBe(true)
  expect(tells(() => own.note(entry(5n, '2000-6000')))).toBe(true)
  end()
  expect(tells(() => own.note(entry(6n, '0-6000')))).toBe(false)
})
