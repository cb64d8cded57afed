import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, beforeEach, expect, test, vi } from 'vitest'
import { makeDirectory, type Node, serves, startReadyNode } from '../support/node.ts'
import { until } from '../support/until.ts'
import { describeWithDocker } from './docker.ts'
import { startTlsServer, type TlsServer } from './tls-server.ts'

vi.setConfig({ testTimeout: 120_000, hookTimeout: 300_000 })

let server: TlsServer
let node: Node
let file: (name: string, content: string) => string

/** As an operator would, for the nodes to come back with what is new. */
const endConnections = () =>
  server.sql("SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE application_name LIKE 'kvs%'")

const put = (key: string) => fetch(`${node.url}/v1/${key}`, { method: 'PUT', body: 'x' })
const readiness = async () => (await fetch(`${node.url}/readyz`)).text()
const saysWhy = (reason: string) => until(reason, async () => (await readiness()).includes(reason))

describeWithDocker('while a node runs', () => {
  beforeAll(async () => {
    server = await startTlsServer()
  })

  afterAll(() => server?.stop())

  beforeEach(async () => {
    await server.become({ certificate: 'localhost', hba: 'hostssl all all all scram-sha-256 clientcert=verify-ca' })
    await server.sql(`ALTER USER kvs PASSWORD '${server.password}'`)
    const directory = makeDirectory()
    file = (name, content) => {
      writeFileSync(join(directory, name), content)
      return join(directory, name)
    }
    node = await startReadyNode(directory, {
      ...{ POSTGRES_HOST: 'localhost', POSTGRES_PORT: String(server.port), POSTGRES_SSLMODE: 'verify-full' },
      POSTGRES_PASSWORD_FILE: file('password', server.password),
      POSTGRES_SSLROOTCERT: file('ca.crt', server.pem.ca),
      POSTGRES_SSLCERT: file('client.crt', server.pem.client.cert),
      POSTGRES_SSLKEY: file('client.key', server.pem.client.key),
    })
    expect((await put('before')).status).toBe(201)
  })

  test('the password is changed in Postgres and in its file', async () => {
    await server.sql(`ALTER USER kvs PASSWORD 'battery staple'`)
    expect((await put('still-connected')).status).toBe(201)
    await endConnections()
    await saysWhy('refuses the password')
    expect((await put('meanwhile')).status).toBe(202)
    file('password', 'battery staple')
    await serves(node)
    expect((await put('after')).status).toBe(201)
  })

  test('the server gets a certificate of another CA, which the file then has', async () => {
    await server.become({ certificate: 'stranger', hba: 'hostssl all all all scram-sha-256' })
    await endConnections()
    await saysWhy('is its CA in POSTGRES_SSLROOTCERT?')
    file('ca.crt', server.pem.otherCa)
    await serves(node)
    expect((await put('after')).status).toBe(201)
  })

  test('the client’s certificate is replaced', async () => {
    file('client.crt', server.pem.intruder.cert)
    file('client.key', server.pem.intruder.key)
    await endConnections()
    await saysWhy('unknown ca')
    file('client.crt', server.pem.client.cert)
    file('client.key', server.pem.client.key)
    await serves(node)
    expect((await put('after')).status).toBe(201)
  })

  test('a file that is not there is named, until it is', async () => {
    file('client.key', '')
    await endConnections()
    await saysWhy('POSTGRES_SSLKEY names a file without a PEM unencrypted private key')
    file('client.key', server.pem.client.key)
    await serves(node)
  })
})
