import fc from 'fast-check'
import { expect } from 'vitest'
import { maxKeyBytes } from '../../../kvs/core/limits.ts'
import { makeDatabase } from '../../support/database.ts'
import { makeDirectory, type Node, startReadyNode, toEnvironment } from '../../support/node.ts'

/** Any key that a client can send: no NUL, no dot segments, well-formed, 1 to 1024 bytes. */
const key = fc
  .oneof(
    fc.string({ unit: 'binary', minLength: 1, maxLength: 40 }),
    fc.string({ unit: 'grapheme', minLength: 1, maxLength: 300 }),
    fc.constantFrom('a', 'a/b', '/', '//', 'a b', 'a+b', '%', '%25', '"', "'", '\\', ':', '?', '#', 'x'.repeat(1024)),
  )
  .filter((key) => key.isWellFormed() && !key.includes('\0') && Buffer.byteLength(key) <= maxKeyBytes)
  .filter((key) => key !== '.' && key !== '..')

const value = fc.uint8Array({ maxLength: 3_000 }).map((bytes) => Buffer.from(bytes))

const step = fc.oneof(
  { weight: 10, arbitrary: fc.record({ do: fc.constant('put' as const), key, value }) },
  { weight: 4, arbitrary: fc.record({ do: fc.constant('delete' as const), key }) },
  { weight: 1, arbitrary: fc.constant({ do: 'restart' as const }) },
)

/** Runs random PUTs, DELETEs and restarts on a node, and compares what it shows with a plain map. */
export async function compareWithMap(runs: number): Promise<void> {
  const { target } = await makeDatabase()
  const directory = makeDirectory()
  const start = () => startReadyNode(directory, toEnvironment(target))
  let node: Node = await start()
  const model = new Map<string, Buffer>()
  const keyUrl = (key: string) => `${node.url}/v1/${encodeURIComponent(key)}`

  async function compare(): Promise<void> {
    for (const [key, value] of model) {
      const found = await fetch(keyUrl(key))
      expect([found.status, Buffer.from(await found.arrayBuffer())]).toEqual([200, value])
    }
  }

  await fc.assert(
    fc.asyncProperty(fc.array(step, { minLength: 10, maxLength: 40 }), async (steps) => {
      const touched = new Set<string>()
      for (const step of steps) {
        if (step.do === 'restart') {
          node.kill(touched.size % 2 === 0 ? 'SIGKILL' : 'SIGTERM')
          await node.ended
          node = await start()
          continue
        }
        touched.add(step.key)
        if (step.do === 'put') {
          model.set(step.key, step.value)
          expect((await fetch(keyUrl(step.key), { method: 'PUT', body: step.value })).status).toBe(201)
        } else {
          model.delete(step.key)
          expect((await fetch(keyUrl(step.key), { method: 'DELETE' })).status).toBe(200)
        }
      }
      await compare()
      for (const key of touched) if (!model.has(key)) expect((await fetch(keyUrl(key))).status).toBe(404)
    }),
    { numRuns: runs, endOnFailure: true }, // a node can't be put back for a smaller example
  )
}
