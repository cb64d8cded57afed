import { expect, test } from 'vitest'
import { beginTelemetry, noteWait, type Wait } from '../../../../kvs/http/exchange/telemetry.ts'
import { systemClock } from '../../../../kvs/lib/clock.ts'

test('the longest wait is kept, and only one that is over', () => {
  let now = 1_000
  const request = { telemetry: beginTelemetry(now), clock: { ...systemClock, now: () => now } }
  const wait = (next: Wait | undefined, ms: number) => {
    noteWait(request, next)
    now += ms
  }
  wait('body', 20)
  wait('log', 30)
  expect(request.telemetry).toMatchObject({ waitedFor: 'body', waitedMs: 20 })
  wait(undefined, 500)
  wait('position', 10)
  wait(undefined, 0)
  expect(request.telemetry).toMatchObject({ arrivedAt: 1_000, waitedFor: 'log', waitedMs: 30, waitsFor: undefined })
})
