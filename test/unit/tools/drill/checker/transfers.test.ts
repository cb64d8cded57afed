import { expect, test } from 'vitest'
import { checkTransfers } from '../../../../../tools/drill/checker/transfers.ts'
import type { Balances, History, LogEntry, Transfer } from '../../../../../tools/drill/history.ts'

const transfer = (id: string, from: number, to: number, by: number, rest: Partial<Transfer> = {}): Transfer => ({
  ...{ client: 50, node: 'kvs', id, from: `account-${from}`, to: `account-${to}`, by },
  ...{ invoked: 0, returned: 1, outcome: 'ok', status: 200, ...rest },
})
const entry = (sequence: number, key: string, value: string, rest: Partial<LogEntry> = {}): LogEntry => ({
  ...{ sequence, kind: 'put', key, value, superseded: false, ...rest },
})
/** Two transfers, with an entry of somebody else in between. */
const log = [
  entry(1, 'account-0', '-3'),
  entry(2, 'account-1', '3'),
  entry(3, 'teller-50', 'a'),
  entry(4, 'key-0', 'x'),
  entry(5, 'account-1', '1'),
  entry(6, 'account-2', '2'),
  entry(7, 'teller-51', 'b'),
]
const transfers = [
  transfer('a', 0, 1, 3, { sequence: 1 }),
  transfer('b', 1, 2, 2, { sequence: 5, invoked: 2, returned: 3 }),
]
const balances = (position: number, ...values: (string | undefined)[]): Balances => {
  const shown = values.flatMap((value, n) => (value === undefined ? [] : [[`account-${n}`, value]]))
  return { node: 'kvs', invoked: 0, position, balances: Object.fromEntries(shown) }
}
const lists = [balances(0), balances(3, '-3', '3'), balances(4, '-3', '3'), balances(9, '-3', '1', '2')]
const check = (history: Partial<History>) =>
  checkTransfers({ operations: [], views: [], faults: [], log, transfers, balances: lists, ...history })

test('what is as it should be is not rejected', () => {
  expect(check({})).toEqual([])
  const unknown = transfer('c', 0, 1, 1, { outcome: 'unknown', status: 0 })
  expect(check({ transfers: [...transfers, unknown] })).toEqual([])
  expect(checkTransfers({ operations: [], views: [], faults: [], log: [] })).toEqual([])
})

const without = (...sequences: number[]) => log.filter(({ sequence }) => !sequences.includes(sequence))
const changed = (sequence: number, rest: Partial<LogEntry>) =>
  log.map((one) => (one.sequence === sequence ? { ...one, ...rest } : one))

test.each<[string, Partial<History>, RegExp]>([
  ['a half', { log: without(2, 3) }, /entry 1 \(account-0 = -3\) is a part of no whole transfer/],
  ['another half', { log: without(1) }, /entry 2 .* is a part of no whole transfer/],
  ['one that is torn apart', { log: changed(3, { sequence: 3.5 }) }, /entry 1 .* no whole transfer/],
  ['an entry without an effect', { log: changed(2, { superseded: true }) }, /no whole transfer/],
  ['another account', { log: changed(6, { key: 'account-3' }) }, /entry 5 .* no whole transfer/],
  ['a lost count', { log: changed(5, { value: '3' }) }, /entry 5 makes 3 of 3 and -2 at account-1/],
  ['one that nobody asked for', { transfers: transfers.slice(0, 1) }, /entry 5 .* no whole transfer/],
  ['one that is twice there', { log: [...log, ...log.slice(0, 3)] }, /transfer a is in the log twice/],
  ['one that is lost', { log: log.slice(0, 4) }, /transfer b was acknowledged and is not in the log/],
  [
    'one that failed',
    { transfers: [transfers[0] as Transfer, { ...(transfers[1] as Transfer), outcome: 'failed' }] },
    /transfer b failed, and is entry 5/,
  ],
  [
    'another place',
    { transfers: [transfers[0] as Transfer, { ...(transfers[1] as Transfer), sequence: 6 }] },
    /transfer b was said to be entry 6, and is entry 5/,
  ],
  [
    'one that came before what had been acknowledged',
    { transfers: [{ ...(transfers[0] as Transfer), invoked: 4, returned: 5 }, transfers[1] as Transfer] },
    /transfer a is entry 1, before b, which had been acknowledged by then/,
  ],
  ['a list of a half', { balances: [balances(1, '-3')] }, /at position 1, comes to -3, and transfers leave 0/],
  ['a list of the past', { balances: [balances(7, '-3', '3')] }, /has 3 for account-1, where the log says 1/],
  ['a list that lacks one', { balances: [balances(7, '-1', '1')] }, /has undefined for account-2/],
])('%s is rejected', (_, history, sentence) => {
  expect(check(history).join('\n')).toMatch(sentence)
})
