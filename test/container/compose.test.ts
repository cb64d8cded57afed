import { randomUUID } from 'node:crypto'
import { afterAll, afterEach, beforeAll, expect, test, vi } from 'vitest'
import { docker } from '../../tools/lab/docker.ts'
import { root } from '../../tools/lab/paths.ts'
import { freePort } from '../../tools/lab/ports.ts'
import { sequenceOf } from '../support/tags.ts'
import { until } from '../support/until.ts'
import { type Client, makeClient } from './client.ts'
import { describeWithDocker } from './docker.ts'

vi.setConfig({ testTimeout: 300_000, hookTimeout: 900_000 })

// A project and a port of its own: a stack that its user runs from this directory is left alone.
const project = `kvs-test-${randomUUID().slice(0, 8)}`
const image = `${project}-kvs`

let client: Client
let environment: NodeJS.ProcessEnv

const compose = (...args: string[]) =>
  docker(['compose', '--project-name', project, '--file', `${root}docker-compose.yml`, ...args], environment)

const inspect = (container: string, format: string) => docker(['inspect', '--format', format, container])

beforeAll(async () => {
  const port = await freePort()
  client = makeClient(`http://127.0.0.1:${port}`)
  // Empty: the defaults, whatever the user's environment or .env says
  const unset = [
    ...['POSTGRES_USER', 'POSTGRES_PASSWORD', 'POSTGRES_DB'],
    ...['KVS_WHEN_LOG_IS_DOWN', 'LOG_LEVEL', 'LOG_FORMAT'],
  ]
  const defaults = Object.fromEntries(unset.map((name) => [name, '']))
  environment = { ...process.env, ...defaults, PUBLISH: `127.0.0.1:${port}` }
})

describeWithDocker('docker compose', () => {
  beforeAll(async () => {
    await compose('up', '--build', '--wait')
    await client.putPairs()
  })

  afterAll(() => compose('down', '--volumes', '--remove-orphans', '--rmi', 'local'))

  afterEach(async () => {
    await compose('start')
    await client.reaches('serving')
  })

  const containerOf = (service: string) => compose('ps', '--all', '--quiet', service)
  const logOfKvs = () => compose('logs', '--no-log-prefix', '--no-color', 'kvs')

  test('serves what was put, and its log has a line for each request, without values', async () => {
    await client.expectPairs()
    const log = await logOfKvs()
    expect(log).toMatch(/DEBUG: PUT key=key-a status=201 bytes=11 sequence=1 \d+ms$/m)
    expect(log).toMatch(/DEBUG: PUT key="key b" status=201 bytes=11 sequence=2 \d+ms$/m)
    expect(log).toMatch(/DEBUG: GET key=key-a status=200 bytes=11 \d+ms$/m)
    expect(log).not.toContain('Test Pair')
    expect(log).not.toContain('значение')
  })

  test('the checkpoint’s connection is let in too, with the password that Postgres asks for', async () => {
    const query = 'SELECT application_name FROM pg_stat_activity'
    await until('it is there', async () => {
      const names = await compose('exec', '-T', 'postgres', 'psql', '-U', 'kvs', '-Atc', query)
      return names.split('\n').includes('kvs checkpoint')
    })
  })

  test('kvs runs as nobody special on a file system it can’t write to', async () => {
    const kvs = await containerOf('kvs')
    expect(await inspect(kvs, '{{.Config.User}} {{.HostConfig.ReadonlyRootfs}} {{.HostConfig.CapDrop}}')).toBe(
      '1000 true [ALL]',
    )
    expect(await compose('exec', '-T', 'kvs', 'id', '-u')).toBe('1000')
    await expect(compose('exec', '-T', 'kvs', 'touch', '/app/kvs/main.ts')).rejects.toThrow('Permission denied')
    await expect(compose('exec', '-T', 'kvs', 'touch', '/var/x')).rejects.toThrow('Read-only file system')
    expect(await compose('exec', '-T', 'kvs', 'sh', '-c', 'grep NoNewPrivs /proc/self/status')).toMatch(/1$/)
  })

  test('kills of kvs, of Postgres, of kvs again and of both lose nothing', async () => {
    for (const services of [['kvs'], ['postgres'], ['kvs'], ['kvs', 'postgres']]) {
      await compose('kill', ...services)
      for (const service of services) {
        expect(await inspect(await containerOf(service), '{{.State.Status}} {{.State.ExitCode}}')).toBe('exited 137')
      }
      await compose('start', ...services)
      await client.reaches('serving')
      await client.expectPairs()
    }
    expect(sequenceOf(await client.put('key-c', 'after all'))).toBe(8n)
  })

  test('the course’s seven steps: with Postgres down a pair is put, and both are there at every step', async () => {
    const both = async () => {
      for (const n of [1, 2]) expect(await (await client.request(`/v1/pair-${n}`)).text()).toBe(`Test Pair ${n}`)
    }
    expect((await client.put('pair-1', 'Test Pair 1')).status).toBe(201)
    await compose('kill', 'postgres')
    const spooled = await client.put('pair-2', 'Test Pair 2')
    expect([spooled.status, spooled.headers.get('kvs-durability')]).toEqual([202, 'spooled'])
    await both()
    await compose('start', 'postgres')
    await both()
    await client.reaches('serving')
    await both()
    await compose('restart', 'kvs')
    await client.reaches('serving')
    await both()
    await client.expectPairs()
    expect(await logOfKvs()).toMatch(/WARN: the log is down: [\s\S]*INFO: the log is back after /)
  })

  test('a container that is made anew finds the spool of the one before on its volume', async () => {
    await compose('kill', 'postgres')
    await client.reaches('log down')
    expect((await client.put('spooled', 'by the first')).status).toBe(202)
    const before = await containerOf('kvs')
    await compose('up', '--detach', '--force-recreate', 'kvs')
    expect(await containerOf('kvs')).not.toBe(before)
    await client.reaches('serving')
    expect(await (await client.request('/v1/spooled')).text()).toBe('by the first')
    expect(await logOfKvs()).toMatch(/spooled writes that are in the log now: 1/)
  })

  test('kvs started while Postgres is down waits for it', async () => {
    await compose('kill')
    // compose start would start Postgres as well
    await docker(['start', await containerOf('kvs')])
    await client.reaches('starting')
    expect((await client.request('/livez')).status).toBe(200)
    for (const path of ['/readyz', '/v1/key-a']) {
      const response = await client.request(path)
      expect(response.status).toBe(503)
      expect(response.headers.get('retry-after')).toBe('1')
    }
    await compose('start', 'postgres')
    await client.reaches('serving')
    await client.expectPairs()
  })

  test.each(['serving', 'starting'])('docker stop ends a node that is %s with 0', async (state) => {
    const kvs = await containerOf('kvs')
    if (state === 'starting') {
      await compose('kill')
      await docker(['start', kvs])
    }
    await client.reaches(state)
    await compose('stop', 'kvs')
    expect(await inspect(kvs, '{{.State.ExitCode}}')).toBe('0')
    expect(await logOfKvs()).toMatch(/INFO: stopped$/)
  })

  test('the image alone, as PID 1 on its embedded log, survives a kill and stops with 0', async () => {
    const port = await freePort()
    const alone = makeClient(`http://127.0.0.1:${port}`)
    const id = await docker(['run', '--detach', '--publish', `127.0.0.1:${port}:8080`, image])
    try {
      await alone.reaches('serving')
      await alone.putPairs()
      await docker(['kill', id])
      await docker(['start', id])
      await alone.reaches('serving')
      await alone.expectPairs()
      await docker(['stop', id])
      expect(await inspect(id, '{{.State.ExitCode}}')).toBe('0')
      await docker(['start', id])
      await alone.reaches('serving')
      await alone.expectPairs()
    } finally {
      await docker(['rm', '--force', '--volumes', id])
    }
  })
})
