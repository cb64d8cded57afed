import { readdirSync, readFileSync } from 'node:fs'
import { expect } from 'vitest'
import type { Node } from '../../support/node.ts'
import { until } from '../../support/until.ts'

/**
 * Environment of a node whose memory is measured. V8 leaves hundreds of megabytes of garbage for a while now and then;
 * with a bound on its old space it collects in time, and ends the process where so much is not garbage. The young
 * generation is as large as `npm start` makes it: V8 would make it small beside such a bound, and the node slow.
 */
export const boundedHeap = { NODE_OPTIONS: '--max-old-space-size=96 --max-semi-space-size=16' }

/** What a process holds, as Linux has it. */
export function holdingOf({ process: { pid } }: Pick<Node, 'process'>) {
  const status = readFileSync(`/proc/${pid}/status`, 'utf8')
  const kib = Number(/^VmRSS:\s+(\d+)/m.exec(status)?.[1])
  return { files: readdirSync(`/proc/${pid}/fd`).length, mebibytes: kib / 1024 }
}

/**
 * Another client, which does all by the book for as long as the hostile ones go on; each of its requests must be
 * served.
 */
export function serveMeanwhile(node: Pick<Node, 'url'>) {
  const stop = new AbortController()
  const client = (async () => {
    let served = 0
    while (!stop.signal.aborted) {
      await expectService(node, `meanwhile-${served++ % 10}`)
    }
    return served
  })()
  client.catch(() => undefined) // told below
  return async () => {
    stop.abort()
    expect(await client).toBeGreaterThan(0)
  }
}

export async function expectService({ url }: Pick<Node, 'url'>, key = 'by-the-book'): Promise<void> {
  const value = `${key} ${Math.random()}`
  const put = await fetch(`${url}/v1/${key}`, { method: 'PUT', body: value })
  expect([put.status, await put.text()]).toEqual([201, ''])
  const get = await fetch(`${url}/v1/${key}`)
  expect([get.status, await get.text()]).toEqual([200, value])
}

/** After whatever was done to it: the same process, no more open files than before, and memory within a bound. */
export async function expectUnharmed(node: Node, before: { files: number; mebibytes: number }, moreMebibytes: number) {
  expect(node.process.exitCode).toBe(null)
  await expectService(node)
  // What a client of the test's own keeps alive, or the checkpoint's connection, comes and goes.
  await until('no connection is left', () => holdingOf(node).files <= before.files + 5, 60_000)
  expect(holdingOf(node).mebibytes).toBeLessThan(before.mebibytes + moreMebibytes)
}
