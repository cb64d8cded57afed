import { execFileSync } from 'node:child_process'
import { mkdirSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { Agent, request } from 'node:https'
import { join } from 'node:path'
import { expect, onTestFinished, test, vi } from 'vitest'
import { type Issued, makeAuthority } from '../../support/certificates.ts'
import { ask, handshake } from '../../support/https.ts'
import { makeDirectory } from '../../support/node.ts'
import { until } from '../../support/until.ts'
import { replace, serialOf, start } from './replaced-certificate.ts'
import { startTlsNode } from './tls-node.ts'

vi.setConfig({ testTimeout: 120_000 })

test('SIGHUP has it looked at at once, also where links are swapped, as Kubernetes does', async () => {
  const authority = makeAuthority()
  const home = makeDirectory()
  const lay = (name: string, { cert, key }: Issued) => {
    mkdirSync(join(home, name))
    writeFileSync(join(home, name, 'tls.crt'), cert)
    writeFileSync(join(home, name, 'tls.key'), key)
    symlinkSync(name, join(home, '..data.new'))
    renameSync(join(home, '..data.new'), join(home, '..data'))
  }
  lay('..1', authority.issue('first'))
  for (const name of ['tls.crt', 'tls.key']) symlinkSync(join('..data', name), join(home, name))
  const node = await startTlsNode({ certFile: join(home, 'tls.crt'), keyFile: join(home, 'tls.key') })
  const serial = await serialOf(node)
  lay('..2', authority.issue('second'))
  rmSync(join(home, '..1'), { recursive: true })
  node.kill('SIGHUP')
  await until('the new one is shown', async () => (await serialOf(node)) !== serial)
  expect(node.process.exitCode).toBe(null)
})

test('a pipe in the place of a key is told of, and keeps the node neither from its next key nor from stopping', async () => {
  const authority = makeAuthority()
  const { node, certFile, keyFile, serial } = await start(authority.issue('first'))
  const layPipe = () => {
    rmSync(keyFile)
    execFileSync('mkfifo', [keyFile])
    node.kill('SIGHUP')
  }
  const told = () => node.output().match(/KVS_TLS_KEY names what is no regular file/g)?.length ?? 0
  layPipe()
  await until('it is told', () => told() === 1)
  const second = authority.issue('second')
  replace(certFile, second.cert)
  replace(keyFile, second.key)
  node.kill('SIGHUP')
  await until('the new one is shown', async () => (await serialOf(node)) !== serial)
  layPipe()
  await until('it is told again', () => told() === 2)
  node.kill('SIGTERM')
  expect(await node.ended).toBe(0)
})

test('under load, no request fails', async () => {
  const authority = makeAuthority()
  const { node, certFile, keyFile, serial } = await start(authority.issue('first'))
  const agent = new Agent({ keepAlive: true, ca: authority.ca })
  onTestFinished(() => agent.destroy())
  const once = (agent: Agent | false) =>
    new Promise<string>((resolve) => {
      const sent = request(`${node.url}/v1/a`, { method: 'PUT', agent, ca: authority.ca }, (answer) => {
        answer.resume().on('end', () => resolve(String(answer.statusCode)))
      })
      sent.on('error', ({ message }) => resolve(message)).end('x')
    })
  let isOver = false
  const outcomes: string[] = []
  const clients = [agent, agent, false as const].map(async (agent) => {
    while (!isOver) outcomes.push(await once(agent))
  })
  let last = serial
  for (const name of ['second', 'third', 'fourth']) {
    const next = authority.issue(name)
    replace(certFile, next.cert)
    replace(keyFile, next.key)
    node.kill('SIGHUP')
    const before = last
    last = await until('it is shown', async () => {
      const seen = await serialOf(node)
      return seen !== before && seen
    })
  }
  isOver = true
  await Promise.all(clients)
  expect(outcomes.length).toBeGreaterThan(10)
  expect([...new Set(outcomes)]).toEqual(['201'])
})

/** A node that accepts clients of one CA, which is to be replaced by the next, and a client of each. */
async function startUnderOldCa() {
  const authority = makeAuthority()
  const [old, next] = [makeAuthority('Old'), makeAuthority('Next')]
  const caFile = join(makeDirectory(), 'ca.crt')
  writeFileSync(caFile, old.ca)
  const { node } = await start(authority.issue('server'), { KVS_TLS_CLIENT_CA: caFile })
  const [mine, theirs] = [old.client('mine'), next.client('theirs')]
  return { authority, caFile, node, old, next, mine, theirs }
}

test('a client CA is replaced with it: who had a session under the old one has to show a certificate of the new one', async () => {
  const { authority, caFile, node, next, mine, theirs } = await startUnderOldCa()
  const own = { ca: authority.ca, cert: mine.cert, key: mine.key }
  const socket = await handshake(node.url, own)
  let session = socket.getSession()
  socket.on('session', (later) => {
    session = later
  })
  socket.resume().write('GET /livez HTTP/1.1\r\nHost: localhost\r\n\r\n')
  await until('there is a session', () => session)
  expect((await ask(`${node.url}/v1/a`, own)).status).toBe(404)
  replace(caFile, next.ca)
  node.kill('SIGHUP')
  await until('the old one is refused', async () => (await ask(`${node.url}/v1/a`, own)).status === 403)
  const again = await handshake(node.url, { ...own, ...(session && { session }) })
  expect(again.isSessionReused()).toBe(false)
  expect((await ask(`${node.url}/v1/a`, { ca: authority.ca, cert: theirs.cert, key: theirs.key })).status).toBe(404)
})

test('a CA that is taken out revokes connections that are open; one that is added ends none', async () => {
  const { authority, caFile, node, old, next, mine, theirs } = await startUnderOldCa()
  const connect = async ({ cert, key }: Issued) => {
    const socket = await handshake(node.url, { ca: authority.ca, cert, key })
    let text = ''
    socket.on('data', (data) => (text += data))
    return async () => {
      text = ''
      socket.write('GET /v1/a HTTP/1.1\r\nHost: localhost\r\n\r\n')
      await until('it is answered', () => text.includes('\r\n\r\n'))
      return text
    }
  }
  const askOld = await connect(mine)
  expect(await askOld()).toMatch(/^HTTP\/1\.1 404 /)
  const served = ({ cert, key }: Issued) => ask(`${node.url}/v1/a`, { ca: authority.ca, cert, key })
  replace(caFile, old.ca + next.ca)
  node.kill('SIGHUP')
  await until('both are trusted', async () => (await served(theirs)).status === 404)
  const askNext = await connect(theirs)
  expect(await askNext()).toMatch(/^HTTP\/1\.1 404 /)
  expect(await askOld()).toMatch(/^HTTP\/1\.1 404 /)
  replace(caFile, next.ca)
  node.kill('SIGHUP')
  await until('the old one is trusted no more', async () => (await served(mine)).status === 403)
  expect(await askNext()).toMatch(/^HTTP\/1\.1 404 /)
  expect(await askOld()).toMatch(/^HTTP\/1\.1 403 [\s\S]*Connection: close[\s\S]*the CAs have changed/)
})
