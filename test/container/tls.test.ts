import { execFile } from 'node:child_process'
import { randomUUID } from 'node:crypto'
import { chmodSync, mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { expect, onTestFinished, test, vi } from 'vitest'
import { docker } from '../../tools/lab/docker.ts'
import { root } from '../../tools/lab/paths.ts'
import { freePort } from '../../tools/lab/ports.ts'
import { type Issued, makeAuthority } from '../support/certificates.ts'
import { until } from '../support/until.ts'
import { describeWithDocker } from './docker.ts'

vi.setConfig({ testTimeout: 600_000, hookTimeout: 900_000 })

const id = `kvs-tls-${randomUUID().slice(0, 8)}`
const names = 'DNS:localhost,DNS:kvs,IP:127.0.0.1'

/** What curl prints, and after it the status; rejects with what it says on stderr. */
async function curl(...args: string[]): Promise<string> {
  const { stdout } = await promisify(execFile)('curl', ['-sS', '-w', ' %{http_code}', ...args])
  return stdout
}

/** A stack of its own, with the directory of certificates that it is to have. */
async function makeStack(overlays: readonly string[]) {
  const project = `${id}-${randomUUID().slice(0, 4)}`
  const directory = mkdtempSync(join(tmpdir(), 'kvs-tls-'))
  chmodSync(directory, 0o755)
  const ports = [await freePort(), await freePort(), await freePort()]
  const [main, first, second] = ports.map((port) => `127.0.0.1:${port}`)
  const settings = ['LOG_LEVEL', 'LOG_FORMAT', 'FORWARDING_ADDRESS', 'KVS_TLS_CERT', 'KVS_TLS_KEY', 'KVS_FORWARD_CA']
  const environment: NodeJS.ProcessEnv = {
    ...process.env,
    ...Object.fromEntries(settings.map((name) => [name, ''])),
    PUBLISH: main,
    PUBLISH_FORWARDER_1: first,
    PUBLISH_FORWARDER_2: second,
    TLS_DIRECTORY: directory,
  }
  const files = ['docker-compose.yml', ...overlays].flatMap((file) => ['--file', `${root}${file}`])
  const compose = (env: NodeJS.ProcessEnv, ...args: string[]) =>
    docker(['compose', '--project-name', project, ...files, ...args], { ...environment, ...env })
  onTestFinished(async () => {
    await compose({}, 'down', '--volumes', '--remove-orphans', '--rmi', 'local')
    rmSync(directory, { recursive: true })
  })

  /** For the container's user, whoever has started the test. */
  function lay(name: string, content: string): void {
    writeFileSync(join(directory, `${name}.new`), content, { mode: 0o644 })
    renameSync(join(directory, `${name}.new`), join(directory, name))
  }

  function layPair({ cert, key }: Issued): void {
    lay('server.crt', cert)
    lay('server.key', key)
  }

  return { compose, lay, layPair, url: `https://localhost:${ports[0]}`, forwarder: `https://localhost:${ports[1]}` }
}

describeWithDocker('docker compose with HTTPS', () => {
  test('serves it, is healthy by it, and takes a new certificate without a restart', async () => {
    const { compose, layPair, url } = await makeStack(['compose/tls.yml'])
    const authority = makeAuthority()
    layPair(authority.issue('first', { names }))
    await compose({}, 'up', '--build', '--wait')
    const ca = ['--cacert', authority.caFile]
    expect(await curl(...ca, '-X', 'PUT', '-d', 'Test Pair 1', `${url}/v1/a`)).toBe(' 201')
    expect(await curl(...ca, '--tlsv1.2', '--tls-max', '1.2', `${url}/v1/a`)).toBe('Test Pair 1 200')
    await expect(curl('--cacert', makeAuthority('Another').caFile, `${url}/v1/a`)).rejects.toThrow(/certificate/)
    expect(await curl(url.replace('https', 'http'))).toMatch(/this port speaks HTTPS: write https:\/\/\n 400/)
    const container = await compose({}, 'ps', '--quiet', 'kvs')
    const inspect = (format: string) => docker(['inspect', '--format', format, container])
    expect(await inspect('{{.State.Health.Status}}')).toBe('healthy')

    const next = makeAuthority('Next')
    layPair(next.issue('second', { names }))
    await until('the new one is shown', () =>
      curl('--cacert', next.caFile, `${url}/v1/a`).then(
        (answer) => answer === 'Test Pair 1 200',
        () => false,
      ),
    )
    expect(await inspect('{{.RestartCount}} {{.State.Health.Status}}')).toBe('0 healthy')
  })

  test('with a CA for clients: the health check passes, and who has no certificate is told so', async () => {
    const { compose, lay, layPair, url, forwarder } = await makeStack([
      'compose/tls.yml',
      'compose/forwarding.yml',
      'compose/tls-forwarding.yml',
    ])
    const authority = makeAuthority()
    layPair(authority.issue('server', { names }))
    lay('ca.crt', authority.ca)
    const client = authority.client('client')
    lay('client.crt', client.cert)
    lay('client.key', client.key)
    await compose(
      {
        KVS_TLS_CLIENT_CA: '/run/tls/ca.crt',
        KVS_FORWARD_CERT: '/run/tls/client.crt',
        KVS_FORWARD_KEY: '/run/tls/client.key',
      },
      ...['up', '--build', '--wait'],
    )
    const ca = ['--cacert', authority.caFile]
    const own = [...ca, '--cert', client.certFile, '--key', client.keyFile]
    for (const node of [url, forwarder]) {
      expect(await curl(...ca, `${node}/v1/a`)).toMatch(/clients that show a certificate[^\n]*\n 403$/)
      expect(await curl(...ca, `${node}/readyz`)).toMatch(/ 200$/)
    }
    expect(await curl(...own, '-X', 'PUT', '-d', 'by the forwarder', `${forwarder}/v1/a`)).toBe(' 201')
    expect(await curl(...own, `${url}/v1/a`)).toBe('by the forwarder 200')
  })
})
