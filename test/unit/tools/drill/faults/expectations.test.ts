import { expect, test } from 'vitest'
import { clientsThatSawErrors } from '../../../../../tools/drill/faults/expectations.ts'
import type { Operation } from '../../../../../tools/drill/history.ts'
import { get, put } from '../checker/histories.ts'

const a = { node: 'a' }
const b = { node: 'b' }
const refused = { outcome: 'failed', status: 0, error: 'refused' } as const
const reset = { outcome: 'unknown', status: 0, error: 'reset' } as const
const late = { outcome: 'unknown', status: 0, error: 'late' } as const
const told = (error: string) => ({ outcome: 'failed', status: 503, error }) as const
const errorsOf = (...operations: Operation[]) => clientsThatSawErrors({ operations })

test('what another node does in its place is no error', () => {
  expect(errorsOf(put(1, 'x', 0, 1, { ...a, ...refused }), put(1, 'y', 2, 3, b))).toEqual([])
  expect(errorsOf(put(1, 'x', 0, 1, { ...a, ...reset }), put(1, 'y', 2, 3, b))).toEqual([])
  expect(errorsOf(get(1, null, 0, 1, { ...a, ...told('not_ready') }), get(1, null, 2, 3, b))).toEqual([])
  expect(errorsOf(put(1, 'x', 0, 1, { ...a, outcome: 'failed', status: 412 }), get(1, null, 2, 3, b))).toEqual([])
})

test('what no node does is one, and so is any other refusal', () => {
  const twice = [put(1, 'x', 0, 1, { ...a, ...refused }), put(1, 'y', 2, 3, { ...b, ...told('not_ready') })]
  expect(errorsOf(...twice)).toEqual([expect.stringMatching(/saw an error: client 1's put of y .* at b, not_ready$/)])
  for (const error of ['draining', 'behind', 'undecided', 'log_down']) {
    expect(errorsOf(put(1, 'x', 0, 1, { ...a, ...told(error) }), get(1, null, 2, 3, b))).toHaveLength(1)
  }
  expect(errorsOf(get(1, null, 0, 1, { ...a, ...late }), get(1, null, 2, 3, b))).toHaveLength(1)
})

test('each client by itself, and each request anew', () => {
  const one = put(1, 'x', 0, 1, { ...a, ...refused })
  expect(errorsOf(one, put(2, 'y', 0, 1, { ...b, ...refused }), get(1, null, 2, 3, b), get(2, null, 2, 3, a))).toEqual(
    [],
  )
  expect(errorsOf(one, get(1, null, 2, 3, b), { ...one, invoked: 4, returned: 5 }, get(1, null, 6, 7, b))).toEqual([])
})
