import { randomBytes, randomUUID } from 'node:crypto'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test, vi } from 'vitest'
import { docker } from '../../tools/lab/docker.ts'
import { commandsOf, dryRun } from '../process/gcp/planned.ts'
import { until } from '../support/until.ts'
import { describeWithDocker } from './docker.ts'
import { type CloudState, startCloud } from './gcp/cloud.ts'

vi.setConfig({ testTimeout: 300_000, hookTimeout: 900_000 })

const id = `kvs-gcp-${randomUUID().slice(0, 8)}`
const image = `${id}:service`
const directory = mkdtempSync(join(tmpdir(), 'kvs-gcp-'))
const token = randomBytes(32).toString('hex')
const password = randomBytes(24).toString('hex')

let cloud: Awaited<ReturnType<typeof startCloud>>
let state: CloudState

/** What the VM's metadata are, by the command with which deploy.sh would make it. */
function plannedAttributes(...options: string[]): Record<string, string> {
  const tokensFile = join(directory, 'tokens.txt')
  writeFileSync(tokensFile, `me:read+write:${token}\n`)
  const place = ['--project=my-project', '--zone=europe-west3-c', '--source-ranges=203.0.113.7/32', `--image=${image}`]
  const plan = dryRun('deploy.sh', [...place, `--tokens-file=${tokensFile}`, ...options])
  const create = commandsOf(plan).find((words) => words.slice(0, 3).join(' ') === 'compute instances create') ?? []
  const pairs = (flag: string) => {
    const word = create.find((word) => word.startsWith(`${flag}=`)) ?? ''
    return word
      .slice(flag.length + 1)
      .split(',')
      .map((pair) => [pair.slice(0, pair.indexOf('=')), pair.slice(pair.indexOf('=') + 1)] as const)
  }
  const files = pairs('--metadata-from-file').map(([name, path]) => [name, readFileSync(path, 'utf8')] as const)
  return Object.fromEntries([...pairs('--metadata'), ...files])
}

function ask(path: string, { bearer = token, ...options }: RequestInit & { bearer?: string } = {}): Promise<Response> {
  const url = `http://127.0.0.1:${cloud.port}${path}`
  return fetch(url, { ...options, headers: { authorization: `Bearer ${bearer}` }, signal: AbortSignal.timeout(30_000) })
}

const put = (key: string, body: string) => ask(`/v1/${key}`, { method: 'PUT', body })
const valueAt = async (key: string) => (await ask(`/v1/${key}`)).text()

/** Until the VM says that it has what its metadata ask for now. */
async function becomesReady() {
  const wanted = `${state.attributes['kvs-release']} ready`
  await until(`the VM is at ${wanted}`, async () => (await cloud.told()) === wanted, 300_000).catch(async (cause) => {
    const log = await cloud.run('journalctl', '--no-pager', '--lines=80', '--unit=kvs-watch').catch(String)
    throw new Error(`the VM said last: ${await cloud.told()}\n${log}`, { cause })
  })
}

const becomesReached = () =>
  until('the port answers', async () => (await ask('/readyz').catch(() => undefined))?.ok, 120_000)

describeWithDocker('a VM with compose/gcp/startup.sh', () => {
  beforeAll(async () => {
    await docker(['build', '--quiet', '--tag', image, '.'])
    const attributes = plannedAttributes()
    const secrets = { 'kvs-tokens': readFileSync(join(directory, 'tokens.txt'), 'utf8') }
    state = { attributes, secrets: { ...secrets, 'kvs-postgres-password': password } }
    cloud = await startCloud(id, state)
    await cloud.loadImages(image, 'postgres:17')
    await becomesReady()
  })

  afterAll(async () => {
    await cloud?.stop()
    await docker(['rmi', image])
    rmSync(directory, { recursive: true })
  })

  test('serves on the port that is published, to whoever has a token', async () => {
    expect((await put('key-a', 'Test Pair 1')).status).toBe(201)
    expect(await valueAt('key-a')).toBe('Test Pair 1')
  })

  test('serves nobody else', async () => {
    for (const headers of [{}, { authorization: `Bearer ${'x'.repeat(64)}` }]) {
      const response = await fetch(`http://127.0.0.1:${cloud.port}/v1/key-a`, { headers })
      expect(response.status).toBe(401)
    }
  })

  test('keeps its data on the second disk, and its secrets for root and the service', async () => {
    expect(await cloud.run('findmnt', '--noheadings', '--output', 'FSTYPE,OPTIONS', '/mnt/disks/kvs')).toMatch(
      /^ext4 +rw,nosuid,nodev,noexec/,
    )
    await cloud.run('test', '-s', '/mnt/disks/kvs/postgres/PG_VERSION')
    expect(await cloud.run('stat', '--format=%a %u', '/var/lib/kvs', '/var/lib/kvs/secrets')).toBe('700 0\n700 0')
    expect(await cloud.run('stat', '--format=%a %u', '/var/lib/kvs/secrets/kvs/tokens')).toBe('400 1000')
  })

  test('shows no secret in its log, in the environment of a container, or on a command line', async () => {
    const shown = [
      await cloud.run('journalctl', '--no-pager'),
      await cloud.run('bash', '-c', 'docker inspect $(docker ps --quiet)'),
      await cloud.run('bash', '-c', "cat /proc/[0-9]*/cmdline | tr '\\0' ' '"),
    ].join('\n')
    expect(shown).toContain('kvs-watch')
    for (const secret of [token, password]) expect(shown).not.toContain(secret)
  })

  test('keeps containers from the metadata', async () => {
    const rule = 'DOCKER-USER --protocol tcp --destination 169.254.169.254 --jump REJECT'
    await cloud.run('iptables', '--check', ...rule.split(' '))
  })

  test('takes a new token as soon as it is told of a change, without a restart', async () => {
    const before = await cloud.run('docker', 'ps', '--quiet', '--no-trunc')
    const another = randomBytes(32).toString('hex')
    const secrets = { ...state.secrets, 'kvs-tokens': `me:read+write:${token}\nreader:read:${another}\n` }
    state = { ...state, secrets }
    await cloud.set(state)
    await until('the new token is taken', async () => (await ask('/v1/key-a', { bearer: another })).ok, 120_000)
    expect((await ask('/v1/key-a', { bearer: another, method: 'PUT', body: 'no' })).status).toBe(403)
    expect(await cloud.run('docker', 'ps', '--quiet', '--no-trunc')).toBe(before)
  })

  test('tells of what it has done, not of what has been asked since, and goes on to that at once', async () => {
    const tokens = [randomBytes(32).toString('hex'), randomBytes(32).toString('hex')] as const
    const change = async (release: string, bearer: string) => {
      const secrets = { ...state.secrets, 'kvs-tokens': `me:read+write:${token}\nreader:read:${bearer}\n` }
      state = { ...state, secrets, attributes: { ...state.attributes, 'kvs-release': release } }
      await cloud.set(state)
    }
    const written = (bearer: string) =>
      cloud.run('grep', '--quiet', bearer, '/var/lib/kvs/secrets/kvs/tokens').then(
        () => true,
        () => undefined,
      )
    await change('first', tokens[0])
    await until('the first is being applied', () => written(tokens[0]), 120_000)
    await change('second', tokens[1])
    await until('the second is said to be', async () => (await cloud.told()) === 'second ready', 120_000)
    expect(await written(tokens[1])).toBe(true)
  })

  test('changes nothing when startup.sh runs again', async () => {
    const before = await cloud.run('docker', 'ps', '--quiet', '--no-trunc')
    await cloud.run('bash', '/run/startup-script')
    await cloud.run('bash', '/run/startup-script', 'apply')
    expect(await cloud.run('docker', 'ps', '--quiet', '--no-trunc')).toBe(before)
    expect(await valueAt('key-a')).toBe('Test Pair 1')
  })

  test('comes back by itself, with what was put, when it is killed', async () => {
    expect((await put('key-b', 'Test Pair 2')).status).toBe(201)
    await docker(['kill', cloud.vm])
    await docker(['start', cloud.vm])
    await becomesReached()
    expect([await valueAt('key-a'), await valueAt('key-b')]).toEqual(['Test Pair 1', 'Test Pair 2'])
  })

  test('never formats a disk that has anything on it', async () => {
    const take =
      'systemctl stop kvs-watch && docker compose --project-directory /var/lib/kvs down && umount /mnt/disks/kvs'
    await cloud.run('bash', '-c', take)
    const device = '/dev/disk/by-id/google-kvs-data'
    await cloud.run(
      'bash',
      '-c',
      `dd if=${device} of=/disk/head bs=1M count=1 && printf x | dd of=${device} bs=1 seek=1080`,
    )
    await expect(cloud.run('bash', '/run/startup-script', 'apply')).rejects.toThrow(/needs e2fsck by hand|mount/)
    await cloud.run('bash', '-c', `dd if=/disk/head of=${device} bs=1M && systemctl start kvs-watch`)
    await becomesReached()
    expect(await valueAt('key-b')).toBe('Test Pair 2')
  })

  test('moves to Cloud SQL, whose certificate it checks', async () => {
    const cloudSql = await cloud.startCloudSql(password)
    state = { ...state, attributes: plannedAttributes('--cloud-sql=kvs-db'), cloudSql }
    await cloud.set(state)
    await becomesReady()
    expect((await put('key-a', 'in Cloud SQL')).status).toBe(201)
    const log = await cloud.run('docker', 'logs', 'kvs-kvs-1')
    expect(log).toContain(`connected to kvs at ${cloudSql.address}:5432 (TLSv1.3, certificate checked)`)
    expect(await cloud.run('docker', 'ps', '--format', '{{.Names}}')).toBe('kvs-kvs-1')
  })
})
