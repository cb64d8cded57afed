import { readFileSync } from 'node:fs'
import { afterAll, beforeAll, expect, test, vi } from 'vitest'
import { root } from '../../tools/lab/paths.ts'
import { until } from '../support/until.ts'
import { describeWithDocker } from './docker.ts'
import { type SitesStack, startSites } from './stack-of-sites.ts'

vi.setConfig({ testTimeout: 300_000, hookTimeout: 900_000 })

interface Step {
  readonly command: string
  readonly prints: string
}

/** The commands of the README's session with sites, and what it shows each to print. */
function readSession(): Step[] {
  const readme = readFileSync(`${root}README.md`, 'utf8')
  const [, text = ''] = /## A site in each region[\s\S]*?```console\n([\s\S]*?)```/.exec(readme) ?? []
  return text
    .split(/^\$ /m)
    .slice(1)
    .map((step) => {
      const [command = '', ...prints] = step.trim().split('\n')
      return { command, prints: prints.join('\n') }
    })
}

describeWithDocker('three sites', () => {
  let stack: SitesStack

  beforeAll(async () => {
    stack = await startSites()
  })

  afterAll(() => stack?.down())

  test('the README’s session gives what it shows: one site is cut off, all take writes, and all come to one value', async () => {
    const session = readSession()
    expect(session.map(({ prints }) => prints)).toEqual(expect.arrayContaining(['one', 'two\nthree\ntwo']))
    const variables: NodeJS.ProcessEnv = {}
    for (const { command, prints } of session) {
      const [, name] = /^(\w+)=/.exec(command) ?? []
      if (name !== undefined) {
        variables[name] = await stack.shell(`${command}; printf %s "$${name}"`, variables)
        expect(variables[name]).toMatch(/=/)
      } else if (prints === '') {
        expect(await stack.shell(command, variables)).toBe('')
      } else {
        // What another site has written shows a moment later.
        const reading = command.replace(/^sleep \d+; /, '')
        await until(`${reading} prints ${prints}`, async () => (await stack.shell(reading, variables)) === prints)
      }
    }
  })

  test('cut off, a site says that it lacks what a client has seen, takes its writes, and deletes stay deleted', async () => {
    const [a, b] = [stack.node('a'), stack.node('b')]
    await a.put('gone', 'x')
    await stack.converged(['a', 'b', 'c'], 'gone', 'x')
    await stack.shell('docker network disconnect kvs-replicas_sites kvs-replicas-b-1')
    const seen = { 'KVS-Min-Position': (await a.put('cause', 'x')).headers.get('kvs-position') ?? '' }

    const late = await b.request('/v1/cause', { headers: seen })
    expect([late.status, late.headers.get('retry-after')]).toEqual([503, '1'])
    const effect = await b.request('/v1/effect', { method: 'PUT', body: 'x', headers: seen })
    expect(effect.status).toBe(201)
    const removed = await b.request('/v1/gone', { method: 'DELETE', headers: seen })
    expect(removed.status).toBe(200)

    await stack.shell('docker network connect --ip 10.80.0.12 kvs-replicas_sites kvs-replicas-b-1')
    await stack.converged(['a', 'b', 'c'], 'cause', 'x')
    await stack.converged(['a', 'b', 'c'], 'effect', 'x')
    await stack.converged(['a', 'b', 'c'], 'gone', 'no such key')
    const position = { 'KVS-Min-Position': removed.headers.get('kvs-position') ?? '' }
    for (const name of ['a', 'b', 'c'] as const) {
      expect((await stack.node(name).request('/v1/cause', { headers: position })).status).toBe(200)
      expect((await stack.node(name).request('/v1/gone', { headers: position })).status).toBe(404)
    }
  })

  test('a node has its own Postgres alone, on a file system it can’t write to', async () => {
    const lookup = (host: string) => `require('node:dns').lookup('${host}', (error) => console.log(!error))`
    const reaches = (host: string) => stack.compose('exec', '-T', 'a', 'node', '-e', lookup(host))
    expect([await reaches('postgres-a'), await reaches('postgres-b')]).toEqual(['true', 'false'])
    await expect(stack.compose('exec', '-T', 'a', 'touch', '/var/x')).rejects.toThrow('Read-only file system')
  })
})
