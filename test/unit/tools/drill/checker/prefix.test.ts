import { expect, test } from 'vitest'
import { checkAgainstLog } from '../../../../../tools/drill/checker/against-log.ts'
import { checkPrefix, historyUpTo, type Restored } from '../../../../../tools/drill/checker/prefix.ts'
import { foldOf, get, historyOf, logOf, put, remove, unknown } from './histories.ts'

const log = logOf('a', 'b', null, 'c')
const history = historyOf(
  [
    put(1, 'a', 0, 1, { sequence: 1 }),
    get(2, 'a', 2, 3, { sequence: 1 }),
    put(1, 'b', 4, 5, { sequence: 2 }),
    remove(1, 6, 7, { position: 3 }),
    get(2, null, 12, 13),
    put(1, 'c', 14, 15, { sequence: 4 }),
    put(1, 'd', 16, 17, unknown),
  ],
  log,
)

const restoredTo = (sequence: number, began: number, ended: number): Restored => {
  const restored = log.slice(0, sequence)
  return { log: restored, views: [foldOf(restored)], began, ended }
}

test.each([
  [restoredTo(4, 20, 30), 'all of it'],
  [restoredTo(3, 8, 10), 'what was there when nothing went on'],
  [restoredTo(2, 5.5, 6.5), 'what was there before a write that was under way'],
  [restoredTo(3, 5.5, 6.5), 'the same with that write'],
  [restoredTo(0, 0, 0.5), 'nothing, of the beginning'],
])('%#: a prefix is %s', (restored) => {
  expect(checkPrefix(history, restored)).toEqual([])
  expect(checkAgainstLog(historyUpTo(history, restored)).violations).toEqual([])
})

test('what was only spooled may be missing', () => {
  const spooled = historyOf([put(1, 'a', 0, 1, { status: 202, isSpooled: true, position: 0 })], [])
  const restored = restoredTo(0, 2, 3)
  expect(checkPrefix(spooled, restored)).toEqual([])
  expect(checkAgainstLog(historyUpTo(spooled, restored)).violations).toEqual([])
})

const [first, second, ...rest] = log
if (first === undefined || second === undefined) throw new Error('the log is shorter than that')

const bad: [Restored, RegExp][] = [
  [restoredTo(2, 8, 10), /client 1's delete .* acknowledged before the backup began, and is not in it/],
  [restoredTo(1, 8, 10), /put of b .* acknowledged before the backup began, and is not in it/],
  [restoredTo(4, 8, 10), /put of c .* asked for after the backup had ended, and is in it/],
  [{ ...restoredTo(4, 20, 30), log: [first, ...rest] }, /restored was entry 3 .* in the place of entry 2/],
  [{ ...restoredTo(4, 20, 30), log: [second, first, ...rest] }, /restored was entry 2 .* in the place of entry 1/],
  [{ ...restoredTo(4, 20, 30), log: [{ ...first, value: undefined }, second, ...rest] }, /in the place of entry 1/],
  [{ ...restoredTo(4, 20, 30), log: [...log, { ...first, sequence: 5 }] }, /5 entries were restored of a log of 4/],
]

test.each(bad)('%#: another log is none', (restored, sentence) => {
  expect(checkPrefix(history, restored)).toContainEqual(expect.stringMatching(sentence))
})
