import fc from 'fast-check'
import { expect, test } from 'vitest'
import { checkHistory } from '../../../../../tools/drill/checker/check.ts'
import { checkNodes } from '../../../../../tools/drill/checker/nodes.ts'
import type { History, Operation } from '../../../../../tools/drill/history.ts'
import { correctNodes } from './simulate-nodes.ts'

test('nothing that nodes do as they should is rejected', () => {
  const seen = { spooled: 0, superseded: 0, landed: 0, refused: 0, consistent: 0 }
  fc.assert(
    fc.property(correctNodes, (history) => {
      expect(checkHistory(history, { severalNodes: true })).toMatchObject({ lost: 0, violations: [] })
      seen.superseded += history.log.filter(({ superseded }) => superseded).length
      for (const { status, kind, outcome, condition, isConsistent } of history.operations) {
        if (status === 202) seen.spooled++
        if (status === 412) seen.refused++
        if (outcome === 'ok' && condition !== undefined) seen.landed++
        if (outcome === 'ok' && kind === 'get' && isConsistent) seen.consistent++
      }
    }),
    { numRuns: 3_000 },
  )
  for (const count of Object.values(seen)) expect(count).toBeGreaterThan(1_000)
})

type Lie = (operation: Operation, history: History) => Partial<Operation> | undefined

/** Each certain to be one, wherever it can be told at all. */
const lies: Record<string, Lie> = {
  'an answer below the position passed': ({ outcome, minPosition = 0 }) =>
    outcome === 'ok' && minPosition > 0 ? { position: minPosition - 1 } : undefined,
  'a position that the log never had': ({ outcome }, { log }) =>
    outcome === 'ok' ? { position: log.length + 1 } : undefined,
  'another value than the log has there': ({ kind, outcome, isSpooled, value }, { log }) => {
    const other = log.find((entry) => entry.kind === 'put' && entry.value !== value)
    if (kind !== 'get' || outcome !== 'ok' || isSpooled || !value || other === undefined) return undefined
    return { value: other.value ?? null, sequence: other.sequence }
  },
  'a consistent read before what had been acknowledged': (read, { operations }) => {
    const { kind, outcome, isConsistent, invoked } = read
    const before = operations.filter((write) => write.outcome === 'ok' && write.returned < invoked)
    const floor = Math.max(0, ...before.map(({ position = 0 }) => position))
    return kind === 'get' && outcome === 'ok' && isConsistent && floor > 0 ? { position: floor - 1 } : undefined
  },
  'a condition that another value would have met': ({ kind, outcome, condition, sequence }) =>
    kind === 'put' && outcome === 'ok' && condition !== undefined && sequence !== undefined
      ? { condition: sequence }
      : undefined,
  'a refusal with an ETag of later': ({ status, position = 0 }) =>
    status === 412 ? { sequence: position + 1 } : undefined,
  'a refusal although the condition held': ({ status, sequence }) =>
    status === 412 ? { condition: sequence ?? 'absent' } : undefined,
  'a committed write that names another entry': ({ kind, outcome, isSpooled, sequence }) =>
    kind === 'put' && outcome === 'ok' && !isSpooled ? { sequence: (sequence ?? 0) + 1 } : undefined,
  'a spooled value of the other node': ({ kind, isSpooled, node }) =>
    kind === 'get' && isSpooled ? { node: node === 'a' ? 'b' : 'a' } : undefined,
}

test.each(Object.entries(lies))('always noticed: %s', (_, lie) => {
  let told = 0
  fc.assert(
    fc.property(correctNodes, fc.nat(), (history, pick) => {
      const changes = history.operations.flatMap((operation) => {
        const change = lie(operation, history)
        return change ? [{ operation, change }] : []
      })
      const chosen = changes[pick % changes.length]
      if (chosen === undefined) return
      told++
      const { operation: changed, change } = chosen
      const operations = history.operations.map((one) => (one === changed ? { ...one, ...change } : one))
      expect(checkHistory({ ...history, operations }, { severalNodes: true }).violations).not.toEqual([])
    }),
    { numRuns: 400 },
  )
  expect(told).toBeGreaterThan(30)
})

test('what was superseded shown as having effect is noticed', () => {
  let told = 0
  fc.assert(
    fc.property(correctNodes, ({ operations, log }) => {
      const entry = log.find(({ superseded, kind }) => superseded && kind === 'put')
      const put = operations.find(({ value, kind }) => kind === 'put' && value === entry?.value)
      const cause = operations.some(
        ({ kind, value, invoked }) =>
          kind === 'put' &&
          put !== undefined &&
          invoked > put.returned &&
          log.some(
            (o) =>
              o.value === value &&
              !o.superseded &&
              o.writer !== entry?.writer &&
              o.sequence < (entry?.sequence ?? 0) &&
              o.sequence > (put.position ?? 0),
          ),
      )
      if (entry === undefined || put?.outcome !== 'ok' || !cause) return
      told++
      const changed = log.map((one) => (one === entry ? { ...one, superseded: false } : one))
      expect(checkNodes({ operations, log: changed })).not.toEqual([])
    }),
    { numRuns: 1_000 },
  )
  expect(told).toBeGreaterThan(20)
})
