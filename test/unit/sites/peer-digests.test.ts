import { once } from 'node:events'
import { createServer, type RequestListener } from 'node:http'
import type { AddressInfo } from 'node:net'
import { Pool } from 'undici'
import { expect, onTestFinished, test } from 'vitest'
import {
  bucketCount,
  formatDigests,
  formatDigestsError,
  formatUnlike,
  parseFingerprints,
} from '../../../kvs/kv/index.ts'
import { makeHttpPeer } from '../../../kvs/sites/http-peer.ts'
import { at } from './fixtures.ts'

const type = 'application/vnd.kvs.digests; version=1'
const fingerprints = ['k', 'ä'].map((key) => ({ key, stamp: 5, origin: 'a', checksum: 7 }))
const digests = Array.from({ length: bucketCount }, () => '0123456789abcdef')
const seen = at({ a: 3, b: 4 })

/** A client of a server that answers as a test says. */
async function peerOf(answer: RequestListener) {
  const server = createServer(answer)
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const name = `127.0.0.1:${(server.address() as AddressInfo).port}`
  const dispatcher = new Pool(`http://${name}`)
  onTestFinished(async () => {
    await dispatcher.destroy()
    server.closeAllConnections()
    server.close()
  })
  const peer = makeHttpPeer({ url: `http://${name}`, name, dispatcher, servername: '', reloads: [] }, 'secret')
  const { signal } = new AbortController()
  return {
    digests: () => peer.askDigests(seen, signal),
    unlike: () => peer.askUnlike(seen, fingerprints, signal),
  }
}

const answering =
  (body: string, status = 200, contentType = type): RequestListener =>
  (request, response) => {
    request.resume()
    response.writeHead(status, { 'Content-Type': contentType }).end(body)
  }

test('digests and values are asked for with the position and the token', async () => {
  const requests: string[] = []
  const bodies: string[] = []
  const unlike = { position: at({ a: 3, b: 9 }), indices: [1] }
  const peer = await peerOf((request, response) => {
    requests.push(`${request.method} ${request.url} ${request.headers.authorization}`)
    let body = ''
    request.setEncoding('utf8').on('data', (chunk) => {
      body += chunk
    })
    request.on('end', () => {
      bodies.push(body)
      response.writeHead(200, { 'Content-Type': type })
      response.end(request.method === 'GET' ? formatDigests(digests) : formatUnlike(unlike))
    })
  })
  expect(await peer.digests()).toEqual(digests)
  expect(await peer.unlike()).toEqual(unlike)
  const path = '/sites/digests?seen=a%3D3%2Cb%3D4 Bearer secret'
  expect(requests).toEqual([`GET ${path}`, `POST ${path}`])
  expect(parseFingerprints(bodies[1] ?? '')).toEqual(fingerprints)
})

test('digests come after signs of life, and where they do not, it is said why', async () => {
  const peer = await peerOf(answering(`\n\n\n${formatDigests(digests)}`))
  expect(await peer.digests()).toEqual(digests)
  const other = await peerOf(answering(`\n\n${formatDigestsError('the node is shutting down')}`))
  await expect(other.digests()).rejects.toThrow(/^127\S+: the answer ends without digests: the node is shutting down$/)
})

test.each<[what: string, answer: RequestListener, sentence: RegExp]>([
  ['a page', answering('<html>', 200, 'text/html'), /answers with text\/html, not with digests: it is no node/],
  ['garbage', answering('garbage'), /the answer (has no 1024 digests|is not a position)/],
  ['an error', answering('this site was', 409, 'text/plain'), /answers 409: this site was/],
  ['no such page', answering('no such page', 404, 'text/plain'), /answers 404: no such page/],
  ['more than there can be', answering('0123456789abcdef\n'.repeat(1_000_000)), /the answer/],
  ['keys that were not asked about', answering('a=1\n7'), /the answer/],
  ['a reset', (request) => request.socket.destroy(), /./],
])('an answer that is none is an error with a sentence: %s', async (_, answer, sentence) => {
  const peer = await peerOf(answer)
  await expect(peer.digests()).rejects.toThrow(sentence)
  await expect(peer.unlike()).rejects.toThrow(sentence)
})
