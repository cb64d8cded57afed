import { type Run, totalOf } from '../measure/measured-run.ts'
import { byRound } from '../measure/rounds.ts'
import { ratios, type Spread, spreadOf } from '../measure/stats.ts'
import { type HoldUp, holdUpKinds, type ListsResult, listCases } from '../parts/lists.ts'
import { judge, type Verdict } from './judge.ts'
import { type Column, number, percent, spread } from './text.ts'

/** For the person who waits. */
export function describeHoldUp({ during, round, gets, late, busy, lists }: HoldUp): string {
  const asked = lists.length > 0 ? `${lists.length} in ${number(spreadOf(lists)?.median ?? 0)} ms each, ` : ''
  const held = `a GET takes ${number(gets.p50)} ms (p50), ${number(gets.p99)} (p99), at most ${number(gets.max)}`
  return `  ${round} ${during}: ${asked}${held}; the event loop is late by at most ${number(late)} ms, by itself ${number(busy)}`
}

export const holdUpColumns: readonly Column[] = [
  { heading: 'during' },
  { heading: 'a list takes, ms', numeric: true },
  { heading: 'GET p50 ms', numeric: true },
  { heading: 'p99 ms', numeric: true },
  { heading: 'longest ms', numeric: true },
  { heading: 'event loop late by ms', numeric: true },
  { heading: 'by itself, ms', numeric: true },
]

export function holdUpRows({ holdUps }: ListsResult): string[][] {
  return holdUpKinds.map((kind) => {
    const own = holdUps.filter(({ during }) => during === kind)
    const of = (value: (holdUp: HoldUp) => number) => spread(spreadOf(own.map(value)))
    const lists = spreadOf(own.flatMap((holdUp) => holdUp.lists))
    const cells = [of(({ gets }) => gets.p50), of(({ gets }) => gets.p99), of(({ gets }) => gets.max)]
    return [kind, lists ? spread(lists) : '', ...cells, of(({ late }) => late), of(({ busy }) => busy)]
  })
}

export const listCostColumns: readonly Column[] = [
  { heading: 'PUTs' },
  { heading: 'CPU µs of the node, never listed', numeric: true },
  { heading: 'listed', numeric: true },
  { heading: 'more', numeric: true },
]

export function listCostRows({ runs }: ListsResult): string[][] {
  return listCases.map((name) => {
    const cost = costOf(runs, name)
    const of = (contender: string) => spread(spreadOf([...nodeCpu(runs, name, contender).values()]))
    return [name, of('plain'), of('listed'), cost ? percents(cost) : '-']
  })
}

function nodeCpu(runs: readonly Run[], name: string, contender: string) {
  return byRound(runs, { case: name, contender }, ({ cpu }) => cpu.node && totalOf(cpu.node))
}

/** What the node that was asked for lists takes more, as a share. */
function costOf(runs: readonly Run[], name: string): Spread | undefined {
  const of = ratios(nodeCpu(runs, name, 'listed'), nodeCpu(runs, name, 'plain'))
  return of && { median: of.median - 1, min: of.min - 1, max: of.max - 1 }
}

function percents({ median, min, max }: Spread): string {
  return `${percent(median)} (${percent(min)} to ${percent(max)})`
}

export function firstListSentence({ keys, firstPage, firstList }: ListsResult): string {
  return `After the start of a node with ${number(keys)} keys its first page came after ${number(firstPage)} ms, and the first list of all keys ${number(firstList)} ms after that.`
}

/**
 * The longest that lists of all keys hold up everything else, as the node's event loop tells. What clients see has in
 * it the time in which other processes had the node's core, as they have here, with and without lists.
 */
export function holdUpVerdict(lists: ListsResult | undefined): Verdict {
  const longest = (during: HoldUp['during'], value: 'late' | 'busy') =>
    spreadOf((lists?.holdUps ?? []).filter((holdUp) => holdUp.during === during).map((holdUp) => holdUp[value]))
  const busy = longest('lists of all keys', 'busy')
  const late = (during: HoldUp['during']) => spread(longest(during, 'late'), ' ms')
  return {
    what: 'the longest that lists of 1,000,000 keys hold up other requests, while the node has its core',
    target: 'at most 5 ms',
    measured: busy
      ? `${spread(busy, ' ms')}; in all the event loop is late by ${late('lists of all keys')}, without lists by ${late('no list')}`
      : 'not measured',
    ...judge(busy?.median, { atMost: 5 }),
  }
}

export function listCostVerdict(lists: ListsResult | undefined): Verdict {
  const runs = lists?.runs ?? []
  const [after, old] = [costOf(runs, 'put new after'), costOf(runs, 'put old after')]
  const before = costOf(runs, 'put new before')
  const shown = (name: string, cost: Spread | undefined) => `${cost ? percents(cost) : 'not measured'} ${name}`
  return {
    what: 'CPU that the order of keys costs a PUT',
    target: 'at most 5 %',
    measured: lists
      ? [shown('for new keys', after), shown('for others', old), shown('before the first list', before)].join(', ')
      : 'not measured',
    ...judge(after && old && Math.max(after.median, old.median), { atMost: 0.05 }),
  }
}
