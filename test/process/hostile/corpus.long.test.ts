import { expect, test, vi } from 'vitest'
import { describeOnLinux } from '../../support/skips.ts'
import { cases } from './cases.ts'
import { forEach, portOf, startPair } from './corpus-run.ts'
import { expectUnharmed, holdingOf, serveMeanwhile } from './health.ts'
import { plainTo, send } from './wire.ts'

vi.setConfig({ testTimeout: 300_000 })

describeOnLinux('malformed HTTP', () => {
  test('over and over: the process stays, its memory is bounded, others are served meanwhile', async () => {
    const { node, forwarder } = await startPair()
    for (const one of [node, forwarder]) {
      await forEach(cases, async ({ bytes }) => void (await send(plainTo(portOf(one)), bytes)))
      const before = holdingOf(one)
      const stop = serveMeanwhile(one)
      const often = Array.from({ length: 15 }, () => cases).flat()
      await forEach(often, async ({ name, bytes }) => {
        const { outcome } = await send(plainTo(portOf(one)), bytes)
        expect(outcome.at(-1), name).toBe('close')
      })
      await stop()
      await expectUnharmed(one, before, 75)
    }
  })
})
