import { expect, test } from 'vitest'
import type { RingOperation } from '../../../../../tools/drill/ring/ring-history.ts'
import { longestWait } from '../../../../../tools/drill/ring/waits.ts'

const op = (key: string, invoked: number, returned: number, rest: Partial<RingOperation> = {}): RingOperation => ({
  ...{
    client: 1,
    node: 'node-1',
    kind: 'get',
    key,
    value: null,
    invoked,
    returned,
    outcome: 'ok',
    status: 404,
    ...rest,
  },
})
const failed = { outcome: 'failed', status: 503 } as const

test('a key waits for an answer as long as a request takes', () => {
  expect(longestWait([])).toBeUndefined()
  expect(longestWait([op('x', 0, 100), op('y', 200, 700)])).toEqual({ seconds: 0.5, key: 'y', from: 200 })
})

test('requests in vain are one wait, up to the last of them or to an answer', () => {
  expect(longestWait([op('x', 0, 100, failed), op('x', 150, 800, failed), op('x', 5_000, 5_010)])).toEqual({
    ...{ seconds: 0.8, key: 'x', from: 0 },
  })
  expect(longestWait([op('x', 0, 100, failed), op('x', 110, 120), op('x', 150, 800, failed)])).toMatchObject({
    ...{ seconds: 0.65, from: 150 },
  })
  expect(longestWait([op('x', 0, 100, failed), op('y', 50, 60), op('x', 150, 800, failed)])).toMatchObject({
    ...{ seconds: 0.8, key: 'x' },
  })
})

test('a refusal by a condition is an answer', () => {
  const refused = { kind: 'put', outcome: 'failed', status: 412 } as const
  expect(longestWait([op('x', 0, 100, failed), op('x', 200, 300, refused), op('x', 400, 500, failed)])).toMatchObject({
    ...{ seconds: 0.1, from: 0 },
  })
})
