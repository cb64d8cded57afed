import { expect, test, vi } from 'vitest'
import { describeOnLinux } from '../../support/skips.ts'
import { cases } from './cases.ts'
import { forEach, portOf, startPair } from './corpus-run.ts'
import { plainTo, send } from './wire.ts'

vi.setConfig({ testTimeout: 300_000 })

const isStatus = (part: unknown) => typeof part === 'number'

describeOnLinux('malformed HTTP', () => {
  test('each request of the corpus has its outcome, in one packet and in many', async () => {
    const { node } = await startPair()
    await forEach(cases, async ({ name, bytes, outcome }) => {
      expect.soft({ name, outcome: (await send(plainTo(portOf(node)), bytes)).outcome }).toEqual({ name, outcome })
    })
    await forEach(cases, async ({ name, bytes, outcome }) => {
      // An answer that is there before the body is closes the connection, so that there is none for what comes after.
      const seen = (await send(plainTo(portOf(node)), bytes, 7)).outcome.slice(0, -1)
      expect.soft([name, ...seen]).toEqual([name, ...outcome.slice(0, Math.max(1, seen.length)).filter(isStatus)])
    })
    expect((await fetch(`${node.url}/v1/smuggled`)).status).toBe(404)
  })

  test('the same by a forwarding node: what two could take for two different things reaches nobody', async () => {
    const { forwarder } = await startPair()
    await forEach(cases, async ({ name, bytes, outcome, forwarded = outcome }) => {
      const seen = await send(plainTo(portOf(forwarder)), bytes)
      expect.soft({ name, outcome: seen.outcome }).toEqual({ name, outcome: forwarded })
    })
  })
})
