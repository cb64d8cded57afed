import { expect, test } from 'vitest'
import { makePace } from '../../../../kvs/ring/handover/pace.ts'
import { makeLogWithNodes } from './log-node.ts'

test('no more keys are done than the rate allows, and what was not used is not saved up', async () => {
  const { clock, settle, pass } = makeLogWithNodes('a:1')
  const pace = makePace(1_000, clock)
  const pages = async () => {
    for (let page = 1; page <= 8; page++) await pace.after(250, () => true)
  }
  for (let time = 1; time <= 2; time++) {
    const began = clock.now()
    await settle(pages())
    expect(clock.now() - began).toBe(2_000)
    await pass(30_000)
  }
})

test('without a bound nothing is waited for', async () => {
  const { clock } = makeLogWithNodes('a:1')
  await makePace(Infinity, clock).after(1_000_000, () => true)
  expect(clock.now()).toBe(0)
})

test('what is over does not wait for long', async () => {
  const { clock, settle, pass } = makeLogWithNodes('a:1')
  let goesOn = true
  const waiting = makePace(1, clock).after(3_600, () => goesOn)
  await pass(10_000)
  goesOn = false
  await settle(waiting)
  expect(clock.now()).toBeLessThanOrEqual(10_250)
})
