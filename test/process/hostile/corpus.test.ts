import { expect, test, vi } from 'vitest'
import { makeDatabase } from '../../support/database.ts'
import { makeDirectory, type Node, startNode, startReadyNode, toEnvironment } from '../../support/node.ts'
import { describeOnLinux } from '../../support/skips.ts'
import { until } from '../../support/until.ts'
import { type Case, cases } from './cases.ts'
import { expectUnharmed, holdingOf, serveMeanwhile } from './health.ts'
import { plainTo, send } from './wire.ts'

vi.setConfig({ testTimeout: 300_000 })

const portOf = ({ url }: Node) => Number(new URL(url).port)

async function startPair() {
  const node = await startReadyNode(makeDirectory(), toEnvironment((await makeDatabase()).target))
  const forwarder = await startNode(makeDirectory(), { FORWARDING_ADDRESS: new URL(node.url).host })
  return { node, forwarder }
}

const isStatus = (part: unknown) => typeof part === 'number'

/** Eight at a time. */
async function forEach(items: readonly Case[], visit: (item: Case) => Promise<void>): Promise<void> {
  const left = items.values()
  await Promise.all(
    Array.from({ length: 8 }, async () => {
      for (const item of left) await visit(item)
    }),
  )
}

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
      await until('memory is given back', () => holdingOf(one).mebibytes < before.mebibytes + 150)
      await expectUnharmed(one, before, 150)
    }
  })
})
