import { byRound } from '../measure/rounds.ts'
import { ratios, spreadOf } from '../measure/stats.ts'
import { type TransactionsResult, transactionCases } from '../parts/transactions.ts'
import { judge, type Verdict } from './judge.ts'
import { type Column, ratioSpread, spread } from './text.ts'

export const transactionColumns: readonly Column[] = [
  { heading: 'requests' },
  { heading: 'kvs, a second', numeric: true },
  { heading: 'etcd, a second', numeric: true },
]

export function transactionRows({ runs }: TransactionsResult): string[][] {
  const rate = (name: string, contender: string) => {
    const of = spreadOf([...byRound(runs, { case: name, contender }, ({ rate }) => rate).values()])
    return of === undefined ? '-' : spread(of)
  }
  return Object.values(transactionCases).map((name) => [name, rate(name, 'kvs'), rate(name, 'etcd')])
}

export function transactionVerdict(result: TransactionsResult | undefined): Verdict {
  const name = transactionCases.transactions
  const of = ratioOf(result, { case: name, contender: 'kvs' }, { case: name, contender: 'etcd' })
  return {
    what: 'transactions of 10 puts a second on 32 connections vs etcd’s',
    target: '2 ×',
    measured: ratioSpread(of),
    ...judge(of?.median, { atLeast: 2 }),
  }
}

export function countVerdict(result: TransactionsResult | undefined): Verdict {
  const { counts, puts } = transactionCases
  const of = ratioOf(result, { case: counts, contender: 'kvs' }, { case: puts, contender: 'kvs' })
  return {
    what: 'counts a second on one key by 32 clients vs their PUT/s',
    target: '0.33 ×',
    measured: ratioSpread(of),
    ...judge(of?.median, { atLeast: 1 / 3 }),
  }
}

type Of = { readonly case: string; readonly contender: string }

function ratioOf(result: TransactionsResult | undefined, one: Of, other: Of) {
  const runs = result?.runs ?? []
  return ratios(
    byRound(runs, one, ({ rate }) => rate),
    byRound(runs, other, ({ rate }) => rate),
  )
}
