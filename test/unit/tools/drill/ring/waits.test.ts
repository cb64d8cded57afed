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

test('a key waits from a request for it to the next answer that anybody gets for it', () => {
  expect(longestWait([])).toBeUndefined()
  expect(longestWait([op('x', 0, 100), op('y', 200, 700)])).toEqual({ seconds: 0.5, key: 'y', from: 200 })
  expect(longestWait([op('x', 0, 100, failed), op('x', 150, 200, failed), op('x', 800, 900)])).toEqual({
    ...{ seconds: 0.9, key: 'x', from: 0 },
  })
  expect(longestWait([op('x', 0, 5_000), op('x', 100, 300)])).toEqual({ seconds: 0.3, key: 'x', from: 0 })
})

test('a refusal by a condition is an answer, and what was never answered counts up to the end', () => {
  const refused = { kind: 'put', outcome: 'failed', status: 412 } as const
  expect(longestWait([op('x', 0, 100, refused)])).toMatchObject({ seconds: 0.1 })
  expect(longestWait([op('x', 0, 100), op('x', 200, 900, failed), op('x', 950, 1_300, failed)])).toMatchObject({
    ...{ seconds: 1.1, from: 200 },
  })
})
