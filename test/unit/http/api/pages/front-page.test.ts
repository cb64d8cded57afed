import { describe, expect, test } from 'vitest'
import { startForwarder, startTarget } from '../../../forward/serve.ts'
import { bearer, guardOf, secretOf } from '../../guarded.ts'
import { fakeRoutes, serve } from '../../serve.ts'

const browser = { headers: { accept: 'text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8' } }

async function forwarder(options = {}) {
  const asked: string[] = []
  const { port } = await startTarget(({ url = '' }, response) => {
    asked.push(url)
    response.writeHead(405).end()
  })
  return { ...(await startForwarder(port, options)), asked }
}

describe.each([
  ['a node', () => serve()],
  ['a forwarding node', () => forwarder()],
])('GET / of %s', (_, start) => {
  test('answers curl with text, and a browser with HTML, of the same places', async () => {
    const { url } = await start()
    const text = await fetch(url)
    const html = await fetch(url, browser)
    expect([text.status, text.headers.get('content-type')]).toEqual([200, 'text/plain; charset=utf-8'])
    expect([html.status, html.headers.get('content-type')]).toEqual([200, 'text/html; charset=utf-8'])
    const bodies = [await text.text(), await html.text()]
    for (const body of bodies) {
      for (const place of [
        '/v1/KEY',
        '/v1/PREFIX:',
        '/kvs/KEY',
        '/keyValue-store/KEY',
        '/view',
        '/openapi.json',
        '/readyz',
        '/livez',
        '/metrics',
        'docs/api.md',
      ]) {
        expect(body).toContain(place)
      }
    }
    expect(bodies[1]).toMatch(/^<!doctype html>\n[\s\S]*<\/html>\n$/)
    expect((await fetch(url, { headers: { accept: 'text/html;q=0' } })).headers.get('content-type')).toMatch('plain')
  })

  test('has the headers that values have, and says what it depends on', async () => {
    const { url } = await start()
    for (const { headers } of [await fetch(url), await fetch(url, browser)]) {
      expect(headers.get('x-content-type-options')).toBe('nosniff')
      expect(headers.get('content-security-policy')).toBe("default-src 'none'; sandbox")
      expect(headers.get('cache-control')).toBe('no-cache')
      expect(headers.get('vary')).toBe('Accept')
    }
  })

  test('answers HEAD with the same headers, and another method with 405', async () => {
    const { url } = await start()
    const head = await fetch(url, { method: 'HEAD' })
    const get = await fetch(url)
    expect(head.headers.get('content-length')).toBe(get.headers.get('content-length'))
    expect([head.status, await head.text()]).toEqual([200, ''])
    for (const method of ['PUT', 'DELETE', 'POST', 'OPTIONS']) expect((await fetch(url, { method })).status).toBe(405)
  })
})

test('the methods that / takes are named, and the absolute form of a target may leave it out', async () => {
  const { url, raw } = await serve()
  expect((await fetch(url, { method: 'PUT', body: 'x' })).headers.get('allow')).toBe('GET, HEAD')
  expect(await raw('GET http://kvs HTTP/1.1\r\nHost: kvs\r\nConnection: close\r\n\r\n')).toMatch(/^HTTP\/1.1 200 /)
})

test('every place that the page names is one of the service’s', async () => {
  const { url } = await serve()
  const places = [...(await (await fetch(url)).text()).matchAll(/^ {2}(\/\S+)/gm)].map(([, place = '']) => place)
  expect(places.length).toBeGreaterThan(4)
  for (const place of places) expect(Object.keys(fakeRoutes())).toContain(place.replace(/KEY|PREFIX/, '*'))
})

test('with tokens it is open to all, the same for all, and says nothing of who and where', async () => {
  const guard = guardOf(`admin:read+write+admin:${secretOf('admin')}`)
  for (const { url } of [await serve({ guard }), await forwarder({ guard })]) {
    const open = await fetch(url)
    const known = await fetch(url, { headers: bearer('admin') })
    expect([open.status, known.status]).toEqual([200, 200])
    const text = await open.text()
    expect(await known.text()).toBe(text)
    expect(text).not.toMatch(/127\.0\.0\.1|cafe0123/)
    expect(open.headers.has('kvs-position')).toBe(false)
  }
})

test('a forwarding node answers it by itself', async () => {
  const { url, asked } = await forwarder()
  expect(await (await fetch(`${url}/?x`)).text()).toContain('a forwarding node')
  expect(asked).toEqual([])
})
