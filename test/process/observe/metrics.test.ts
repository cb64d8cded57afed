import { readFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import { root } from '../../../tools/lab/paths.ts'
import { makeDirectory, startNode, startReadyNode } from '../../support/node.ts'
import { queriesOf } from './dashboard.ts'
import { metricsIn, rules } from './files.ts'

interface Told {
  readonly type: string
  readonly help: string
  readonly labels: Set<string>
}

/** What /metrics tells, by name. */
async function metricsOf(url: string): Promise<Map<string, Told>> {
  const text = await (await fetch(`${url}/metrics`)).text()
  const told = new Map<string, Told>()
  for (const [, name = '', help = ''] of text.matchAll(/^# HELP (\S+) (.*)$/gm)) {
    const type = new RegExp(`^# TYPE ${name} (\\w+)$`, 'm').exec(text)?.[1] ?? ''
    const samples = text.matchAll(new RegExp(`^${name}(?:_count|_sum)?\\{(.*)\\} `, 'gm'))
    const labels = new Set(Array.from(samples, ([, inner = '']) => inner.match(/\w+(?==")/g) ?? []).flat())
    told.set(name, { type, help, labels })
  }
  return told
}

async function metricsOfAllKinds(): Promise<Map<string, Told>> {
  const node = await startReadyNode(makeDirectory(), { KVS_PEERS: '127.0.0.1:1' })
  await fetch(`${node.url}/v1/key`, { method: 'PUT', body: 'value' })
  const forwarder = await startNode(makeDirectory(), { FORWARDING_ADDRESS: new URL(node.url).host })
  await fetch(`${forwarder.url}/v1/key`)
  const member = await startReadyNode(makeDirectory(), { KVS_ADDRESS: '127.0.0.1:1' })
  const nodes = [forwarder, node, member]
  return new Map((await Promise.all(nodes.map(({ url }) => metricsOf(url)))).flatMap((told) => [...told]))
}

describe('what /metrics tells', () => {
  test('is all that the alerts and the dashboard ask about', async () => {
    const told = await metricsOfAllKinds()
    const asked = [...rules.map(({ expr }) => expr), ...queriesOf({ instance: '.*', interval: '1m' })].flatMap(
      metricsIn,
    )
    expect(asked.length).toBeGreaterThan(30)
    for (const name of asked) expect([...told.keys()]).toContain(name.replace(/_(bucket|sum|count)$/, ''))
  })
})

test('docs/observe.md has every alert, as bad as it is', () => {
  const doc = readFileSync(`${root}docs/observe.md`, 'utf8')
  const rows = Array.from(doc.matchAll(/^\| \[(Kvs\w+)\]\((\S+)\) \| (\w+) \|/gm), ([, ...cells]) => cells)
  expect(rows).toEqual(
    rules.map(({ alert, labels, annotations }) => {
      return [alert, annotations.runbook?.replace('docs/', ''), labels.severity]
    }),
  )
})
