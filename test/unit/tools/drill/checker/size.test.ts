import { expect, test } from 'vitest'
import { checkLinearizable } from '../../../../../tools/drill/checker/linearizable.ts'
import type { Operation } from '../../../../../tools/drill/history.ts'

/** The same numbers for the same seed (Lehmer, minimal standard), from 0 up to 1. */
function makeRandom(seed: number): () => number {
  let state = seed
  return () => {
    state = (state * 48_271) % 2_147_483_647
    return state / 2_147_483_647
  }
}

/**
 * One key under so many clients, each of whose requests takes effect somewhere between its invocation and its return.
 */
function busyKey(clients: number, count: number, seed = 7): Operation[] {
  const random = makeRandom(seed)
  const clocks = Array.from({ length: clients }, () => random())
  const effects = Array.from({ length: count }, (_, index) => {
    const client = index % clients
    const invoked = (clocks[client] ?? 0) + random()
    const returned = invoked + 10 * random()
    clocks[client] = returned
    const kind = (['get', 'get', 'get', 'put', 'put', 'delete'] as const)[Math.floor(6 * random())] ?? 'get'
    const unknown = kind !== 'get' && random() < 0.03
    const time = unknown ? invoked + 200 * random() : invoked + (returned - invoked) * random()
    const outcome = unknown ? ('unknown' as const) : ('ok' as const)
    return { time, operation: { client, kind, key: 'k', invoked, returned, outcome, status: unknown ? 0 : 200 } }
  })
  let value: string | null = null
  return effects
    .sort((a, b) => a.time - b.time)
    .map(({ operation }, index) => {
      if (operation.kind !== 'get') value = operation.kind === 'put' ? `v${index}` : null
      return operation.kind === 'delete' ? operation : { ...operation, value }
    })
}

test('8 clients and 5,000 operations on one key are shown in fewer tries than operations', () => {
  expect(checkLinearizable(busyKey(8, 5_000), { maxTries: 5_000 })).toEqual([{ key: 'k', verdict: 'ok' }])
})

test('and refuted where one read of them is stale', () => {
  const operations = busyKey(8, 5_000)
  const reads = operations.filter(({ kind, value }) => kind === 'get' && typeof value === 'string')
  const [old, late] = [reads[1_000], reads[1_500]]
  const lie = operations.map((operation) =>
    operation === late ? { ...operation, value: old?.value ?? null } : operation,
  )
  expect(checkLinearizable(lie)).toMatchObject([{ verdict: 'violation' }])
})

test('100,000 operations on a key need no deep stack', () => {
  expect(checkLinearizable(busyKey(8, 100_000))).toEqual([{ key: 'k', verdict: 'ok' }])
})

test('what would take too long ends, and is not taken for shown', () => {
  const [key] = checkLinearizable(busyKey(8, 5_000), { maxTries: 100 })
  expect(key).toMatchObject({ verdict: 'gave up', explanation: expect.stringContaining('use more keys') })
})
