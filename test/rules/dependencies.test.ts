import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { gunzipSync } from 'node:zlib'
import { expect, onTestFinished, test } from 'vitest'

const root = new URL('../../', import.meta.url)

type Advisories = Record<string, object[]>

/** A registry whose list of vulnerabilities is `advisories`; without one it refuses the question. */
async function serveRegistry(advisories?: Advisories): Promise<{ url: string; asked: () => string[] }> {
  let asked: string[] = []
  const server = createServer(async (request, response) => {
    const chunks: Buffer[] = []
    for await (const chunk of request) chunks.push(chunk)
    if (advisories === undefined || !request.url?.endsWith('/advisories/bulk')) {
      response.writeHead(405).end()
      return
    }
    const body = Buffer.concat(chunks)
    const packages = JSON.parse(`${request.headers['content-encoding'] === 'gzip' ? gunzipSync(body) : body}`)
    asked = Object.keys(packages)
    response.setHeader('Content-Type', 'application/json').end(JSON.stringify(advisories))
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  onTestFinished(() => void server.close())
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/`, asked: () => asked }
}

async function audit(registry: string): Promise<{ code: number | null; output: string }> {
  // npm keeps what it was told of a package
  const cache = mkdtempSync(join(tmpdir(), 'kvs-audit-'))
  onTestFinished(() => rmSync(cache, { recursive: true }))
  const env = { ...process.env, npm_config_registry: registry, npm_config_cache: cache }
  const child = spawn('.ci/audit', { cwd: root, env })
  const [output, [code]] = await Promise.all([text(child.stdout), once(child, 'close')])
  return { code, output }
}

const advisory = (severity: string) => ({
  id: 1,
  url: 'https://example.org/1',
  title: 'a hole',
  severity,
  vulnerable_versions: '>=0.0.0',
})

test('the audit asks about what the service runs on, and passes where nothing is known', async () => {
  const registry = await serveRegistry({})
  expect(await audit(registry.url)).toEqual({ code: 0, output: 'audited: no known vulnerability\n' })
  const { dependencies } = JSON.parse(readFileSync(new URL('package.json', root), 'utf8'))
  expect(registry.asked()).toEqual(expect.arrayContaining(Object.keys(dependencies)))
  expect(registry.asked()).not.toContain('vitest')
})

test.each(['high', 'critical'])('the audit fails on a vulnerability that is %s', async (severity) => {
  const { code, output } = await audit((await serveRegistry({ pg: [advisory(severity)] })).url)
  expect(output).toMatch(new RegExp(`^audited: \\d ${severity}\n  pg: ${severity}\n`))
  expect(code).toBe(1)
})

test('the audit tells of a lesser one, and passes', async () => {
  const { code, output } = await audit((await serveRegistry({ pg: [advisory('moderate')] })).url)
  expect({ code, output }).toEqual({ code: 0, output: expect.stringMatching(/^audited: \d moderate\n$/) })
})

test('the audit says so where the registry can’t be asked', async () => {
  const { code, output } = await audit((await serveRegistry()).url)
  expect(output).toMatch(/^NOT AUDITED: .*405/)
  expect(code).toBe(0)
})

test('every package in the lock file is pinned by a strong digest', () => {
  const { packages } = JSON.parse(readFileSync(new URL('package-lock.json', root), 'utf8'))
  const entries = Object.entries<{ integrity?: string; resolved?: string }>(packages).filter(([path]) => path !== '')
  expect(entries.length).toBeGreaterThan(100)
  expect(entries.filter(([, { integrity }]) => !integrity?.startsWith('sha512-')).map(([path]) => path)).toEqual([])
  expect(entries.filter(([, { resolved }]) => resolved?.startsWith('git') || resolved?.startsWith('file'))).toEqual([])
})
