import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { type LocalNode, makeLocalNode } from '../../../tools/drill/stack/local-node.ts'
import { stopNode } from '../../../tools/drill/stopping.ts'
import { freePort } from '../../../tools/lab/ports.ts'
import { statusOf } from '../../../tools/lab/readiness.ts'
import { makeDatabase } from '../../support/database.ts'
import { makeDirectory, toEnvironment } from '../../support/node.ts'
import { until } from '../../support/until.ts'

interface Stoppable {
  readonly node: LocalNode
  readonly url: string
  /** What a drill says of how the node ended. */
  stop(): Promise<string | undefined>
}

/** A node as drills run it. With a script, that is what runs in its place. */
async function makeNode(env: Record<string, string> = {}, script?: string): Promise<Stoppable> {
  const directory = makeDirectory()
  const port = await freePort()
  const url = `http://127.0.0.1:${port}`
  const program = join(directory, 'program.mjs')
  if (script !== undefined) writeFileSync(program, script)
  const options = { directory, name: 'kvs', env: { ...env, PORT: String(port), HOST: '127.0.0.1' } }
  const node = makeLocalNode({ ...options, ...(script !== undefined && { program }) })
  onTestFinished(node.kill)
  return { node, url, stop: () => stopNode({ name: 'kvs', url }, node.stop) }
}

const answers = ({ url }: Stoppable) => until('it answers', async () => (await statusOf(url)) !== undefined)

test('SIGTERM may end a program that takes no signals yet, and does not answer', async () => {
  const loading = await makeNode({}, 'setInterval(() => 0, 1e6)')
  await loading.node.start()
  expect(await loading.node.stop()).toBe(143)
  await loading.node.start()
  expect(await loading.stop()).toBeUndefined()
})

test('a node may be told to stop as soon as it was started; once it answers, it ends by itself', async () => {
  const { target } = await makeDatabase()
  const kvs = await makeNode(toEnvironment(target))
  await kvs.node.start()
  expect(await kvs.stop()).toBeUndefined()
  await kvs.node.start()
  await answers(kvs)
  expect(await kvs.stop()).toBeUndefined()
})

test('that SIGTERM ends a node which answers is a violation', async () => {
  const server = "createServer((_, response) => response.end('{}')).listen(process.env.PORT, process.env.HOST)"
  const kvs = await makeNode({}, `import { createServer } from 'node:http'\n${server}\n`)
  await kvs.node.start()
  await answers(kvs)
  expect(await kvs.stop()).toBe('kvs ended with 143 when it was told to stop')
})

test('that a node ends with an error is one, whether it answers or not', async () => {
  const kvs = await makeNode(
    {},
    "process.on('SIGTERM', () => process.exit(1)); console.log('up'); setInterval(() => 0, 1e6)",
  )
  await kvs.node.start()
  await until('it takes signals', () => kvs.node.output().includes('up'))
  expect(await kvs.stop()).toBe('kvs ended with 1 when it was told to stop, and did not answer before that')
})
