import { execFile } from 'node:child_process'
import { createHash, randomUUID } from 'node:crypto'
import { chmodSync, mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { afterAll, beforeAll, expect, test, vi } from 'vitest'
import { docker } from '../../tools/lab/docker.ts'
import { root } from '../../tools/lab/paths.ts'
import { freePort } from '../../tools/lab/ports.ts'
import { until } from '../support/until.ts'
import { describeWithDocker } from './docker.ts'

vi.setConfig({ testTimeout: 300_000, hookTimeout: 900_000 })

const run = promisify(execFile)
const project = `kvs-access-${randomUUID().slice(0, 8)}`
const image = `${project}-kvs`
const secretOf = (name: string) => `${name}-0123456789abcdef`
const hashed = (name: string) => `sha256=${createHash('sha256').update(secretOf(name)).digest('hex')}`

/**
 * Puts a file of tokens where the last one was, as an editor does. Others than its owner can read it: uid 1000 does.
 */
function writeTokens(directory: string, ...lines: string[]): void {
  writeFileSync(join(directory, 'new'), `# who may what\n${lines.join('\n')}\n`, { mode: 0o644 })
  renameSync(join(directory, 'new'), join(directory, 'tokens'))
}

/** What curl is answered: the status, and the body. */
async function curl(url: string, name: string | undefined, ...args: string[]): Promise<[status: number, body: string]> {
  const token = name === undefined ? [] : ['--header', `Authorization: Bearer ${secretOf(name)}`]
  const { stdout } = await run('curl', ['--silent', '--write-out', '\n%{http_code}', ...token, ...args, url])
  const at = stdout.lastIndexOf('\n')
  return [Number(stdout.slice(at + 1)), stdout.slice(0, at)]
}

const answers = (url: string) =>
  until(`${url} answers`, async () => (await fetch(`${url}/readyz`).catch(() => undefined))?.ok || undefined, 120_000)

describeWithDocker('docker compose with a file of tokens', () => {
  let secrets: string
  let url: string
  let environment: NodeJS.ProcessEnv

  const compose = (...args: string[]) => {
    const files = ['docker-compose.yml', 'compose/tokens.yml'].flatMap((file) => ['--file', `${root}${file}`])
    return docker(['compose', '--env-file', '/dev/null', '--project-name', project, ...files, ...args], environment)
  }
  const log = () => compose('logs', '--no-log-prefix', '--no-color', 'kvs')

  beforeAll(async () => {
    secrets = mkdtempSync(join(tmpdir(), 'kvs-access-'))
    chmodSync(secrets, 0o755)
    const port = await freePort()
    url = `http://127.0.0.1:${port}`
    environment = { ...process.env, KVS_TOKENS: undefined, PUBLISH: `127.0.0.1:${port}`, TOKENS_DIR: secrets }
    writeTokens(
      secrets,
      `app:read+write:${hashed('app')}`,
      `reader:read:${hashed('reader')}`,
      `team:read+write:${secretOf('team')}:team/,a%2Cb`,
      `ops:admin:${secretOf('ops')}`,
    )
    await compose('up', '--build', '--wait')
  })

  afterAll(async () => {
    await compose('down', '--volumes', '--remove-orphans', '--rmi', 'local')
    rmSync(secrets, { recursive: true })
  })

  test('nobody gets in without a token, and who has one no further than it reaches', async () => {
    const put = ['--request', 'PUT', '--data', 'x']
    const asked: [path: string, name: string | undefined, args: string[], status: number][] = [
      ['/v1/a', undefined, [], 401],
      ['/v1/a', undefined, put, 401],
      ['/kvs/a', undefined, [], 401],
      ['/v1/a', 'wrong', [], 401],
      ['/v1/a', 'app', put, 201],
      ['/v1/a', 'app', [], 200],
      ['/v1/a', 'reader', [], 200],
      ['/v1/a?consistent', 'reader', [], 200],
      ['/v1/a', 'reader', put, 403],
      ['/v1/a', 'reader', ['--request', 'DELETE'], 403],
      ['/v1/a', 'ops', [], 403],
      ['/v1/a', 'team', [], 403],
      ['/v1/team/x', 'team', put, 201],
      ['/v1/team%2Fx', 'team', [], 200],
      ['/v1/a,b', 'team', put, 201],
      ['/v1/team/../a', 'team', ['--path-as-is'], 400],
      ['/v1/team%2F..%2Fa', 'team', [], 404],
    ]
    for (const [path, name, args, status] of asked) {
      expect((await curl(url + path, name, ...args))[0], `${name}: ${args.join(' ')} ${path}`).toBe(status)
    }
  })

  test('a large upload is refused before it is sent', async () => {
    const file = join(secrets, 'large')
    writeFileSync(file, Buffer.alloc(512 * 1024))
    const args = ['--expect100-timeout', '60', '--header', 'Expect: 100-continue', '--upload-file', file]
    const sent = ['--write-out', '\n%{http_code} %{size_upload}', ...args]
    const { stdout } = await run('curl', ['--silent', ...sent, `${url}/v1/large`])
    expect(stdout).toMatch(/\n401 0$/)
  })

  test('a balancer is told the state, an administrator all of it', async () => {
    expect(await curl(`${url}/readyz`, undefined)).toEqual([200, '{"state":"serving"}\n'])
    expect(JSON.parse((await curl(`${url}/readyz`, 'ops'))[1])).toHaveProperty('spool')
  })

  test('the file is read anew where compose is told to, and a broken one changes nothing', async () => {
    writeTokens(secrets, `app:read:${hashed('app-2')}`, `old:read+write:${hashed('app')}`)
    await compose('kill', '--signal', 'HUP', 'kvs')
    await until('it is read', async () => (await log()).includes('tokens read anew: app, old') || undefined)
    expect((await curl(`${url}/v1/a`, 'app'))[0]).toBe(200)
    expect((await curl(`${url}/v1/a`, 'app-2'))[0]).toBe(200)
    expect((await curl(`${url}/v1/a`, 'reader'))[0]).toBe(401)

    writeTokens(secrets, `app:reed:${secretOf('app')}`)
    await compose('kill', '--signal', 'HUP', 'kvs')
    await until(
      'it is refused',
      async () => /line 2 \(app\): what follows the name are no rights/.test(await log()) || undefined,
    )
    expect((await curl(`${url}/v1/a`, 'app-2'))[0]).toBe(200)
    expect(await log()).toMatch(/DEBUG: GET key=a status=200 bytes=1 by=app \d+ms/)
    expect(await log()).not.toContain('0123456789abcdef')
  })

  test('a forwarder under any uid, on a file system it can’t write to, has a door of its own', async () => {
    writeTokens(secrets, `reader:read:${hashed('reader')}`)
    const port = await freePort()
    const place = ['--network', `${project}_default`, '--publish', `127.0.0.1:${port}:8080`]
    const rights = ['--user', '12345:12345', '--read-only', '--cap-drop', 'ALL', '--volume', `${secrets}:/etc/kvs:ro`]
    const settings = ['FORWARDING_ADDRESS=kvs:8080', 'KVS_TOKENS_FILE=/etc/kvs/tokens'].flatMap((env) => ['--env', env])
    const id = await docker(['run', '--detach', ...place, ...rights, ...settings, image])
    try {
      await answers(`http://127.0.0.1:${port}`)
      expect((await curl(`http://127.0.0.1:${port}/v1/a`, undefined))[0]).toBe(401)
      expect((await curl(`http://127.0.0.1:${port}/v1/a`, 'reader', '--request', 'DELETE'))[0]).toBe(403)
    } finally {
      await docker(['rm', '--force', '--volumes', id])
    }
  })

  test('compose publishes on the loopback, unless it is told otherwise', async () => {
    const portsWith = async (PUBLISH: string) => {
      const args = ['compose', '--file', `${root}docker-compose.yml`, 'config', '--format', 'json']
      const config = JSON.parse(await docker(args, { ...environment, PUBLISH }))
      return config.services.kvs.ports
    }
    expect(await portsWith('')).toEqual([expect.objectContaining({ host_ip: '127.0.0.1', published: '8080' })])
    expect(await portsWith('0.0.0.0:80')).toEqual([expect.objectContaining({ host_ip: '0.0.0.0', published: '80' })])
  })

  test('compose hands on no tokens where none are set, and what is set to nothing as it is', async () => {
    const tokensWith = async (KVS_TOKENS: string | undefined) => {
      const args = ['compose', '--env-file', '/dev/null', '--file', `${root}docker-compose.yml`, 'config']
      const config = JSON.parse(await docker([...args, '--format', 'json'], { ...environment, KVS_TOKENS }))
      return config.services.kvs.environment.KVS_TOKENS
    }
    expect(await tokensWith(undefined)).toBeNull()
    expect(await tokensWith('')).toBe('')
  })

  test('the image alone serves whoever its operator lets reach its port', async () => {
    const port = await freePort()
    const id = await docker(['run', '--detach', '--publish', `127.0.0.1:${port}:8080`, image])
    try {
      await answers(`http://127.0.0.1:${port}`)
      expect((await curl(`http://127.0.0.1:${port}/v1/a`, undefined, '--request', 'PUT', '--data', 'x'))[0]).toBe(201)
      expect(await docker(['logs', id])).toContain('no tokens: whoever can connect may read and write every key')
    } finally {
      await docker(['rm', '--force', '--volumes', id])
    }
  })

  test('where it is told not to, it does not start without tokens', async () => {
    const failed = docker(['run', '--rm', '--env', 'KVS_ALLOW_ANONYMOUS=false', image])
    await expect(failed).rejects.toThrow(/KVS_HOST \(0\.0\.0\.0\) can be reached from other machines/)
  })
})
