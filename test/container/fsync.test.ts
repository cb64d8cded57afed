import { randomUUID } from 'node:crypto'
import { afterAll, beforeAll, expect, test, vi } from 'vitest'
import { docker } from '../../tools/lab/docker.ts'
import { root } from '../../tools/lab/paths.ts'
import { freePort } from '../../tools/lab/ports.ts'
import { until } from '../support/until.ts'
import { type Client, makeClient } from './client.ts'
import { describeWithDocker } from './docker.ts'
import { buildFrom } from './image.ts'

vi.setConfig({ testTimeout: 300_000, hookTimeout: 900_000 })

const name = `kvs-fsync-${randomUUID().slice(0, 8)}`
const wal = '/var/lib/kvs/spool.db-wal'

let client: Client

/** Attaches strace to the node until the work is done; its lines, with the paths of file descriptors. */
async function traced(options: string[], work: () => Promise<void>): Promise<string[]> {
  const file = `/tmp/${randomUUID()}`
  await docker([
    'exec',
    '--detach',
    '--user',
    '0',
    name,
    'strace',
    '-f',
    '-y',
    '-s',
    '64',
    '-p',
    '1',
    '-o',
    file,
    ...options,
  ])
  const attached = () => docker(['exec', name, 'sh', '-c', 'grep -l "TracerPid:.*[1-9]" /proc/1/task/*/status | wc -l'])
  const threads = () => docker(['exec', name, 'sh', '-c', 'ls /proc/1/task | wc -l'])
  await until('strace has attached', async () => (await attached()) === (await threads()))
  await work()
  await docker(['exec', '--user', '0', name, 'pkill', '-INT', '-x', 'strace'])
  await until('strace has let go', async () => (await attached()) === '0')
  return (await docker(['exec', '--user', '0', name, 'cat', file])).split('\n')
}

/** In their order: F for each flush of the spool that has succeeded, A for each answer 202 on its way out. */
function flushesAndAnswers(lines: readonly string[]): string {
  const begun = new Map<string, string>()
  let seen = ''
  for (const line of lines) {
    const [, thread = '', call = ''] = /^(\d+) +(.*)$/.exec(line) ?? []
    if (call.endsWith('<unfinished ...>')) begun.set(thread, call)
    const whole = call.includes(' resumed>') ? `${begun.get(thread)} ${call}` : call
    if (/^f(data)?sync\(/.test(whole) && whole.includes(wal) && / = 0$/.test(call)) seen += 'F'
    if (!call.includes(' resumed>') && call.includes('HTTP/1.1 202')) seen += 'A'
  }
  return seen
}

describeWithDocker('the flush before a 202', () => {
  beforeAll(async () => {
    const port = await freePort()
    client = makeClient(`http://127.0.0.1:${port}`)
    await docker(['build', '--quiet', '--tag', `${name}-kvs`, root])
    const strace = 'RUN apt-get update -qq && apt-get install -y -qq strace procps >/dev/null'
    await buildFrom(`FROM ${name}-kvs\nUSER root\n${strace}\nUSER node\n`, name)
    await docker(['network', 'create', name])
    const db = ['--env', 'POSTGRES_USER=kvs', '--env', 'POSTGRES_PASSWORD=kvs', '--env', 'POSTGRES_DB=kvs']
    await docker(['run', '--detach', '--name', `${name}-postgres`, '--network', name, ...db, 'postgres:17'])
    await docker([
      ...['run', '--detach', '--name', name, '--network', name, '--cap-add', 'SYS_PTRACE'],
      ...['--publish', `127.0.0.1:${port}:8080`, '--env', `POSTGRES_HOST=${name}-postgres`],
      ...['--env', 'POSTGRES_PASSWORD=kvs', name],
    ])
    await client.reaches('serving')
    expect((await client.put('a', 'committed')).status).toBe(201)
    await docker(['stop', `${name}-postgres`])
    await client.reaches('log down')
  })

  afterAll(async () => {
    await docker(['rm', '--force', '--volumes', name, `${name}-postgres`]).catch(() => undefined)
    await docker(['network', 'rm', name]).catch(() => undefined)
    await docker(['rmi', '--force', name, `${name}-kvs`]).catch(() => undefined)
  })

  test('is really issued, for each answer one that has come to its end before', async () => {
    const lines = await traced(['-e', 'trace=fsync,fdatasync,write,writev,sendto,sendmsg'], async () => {
      for (let n = 0; n < 20; n++) expect((await client.put(`k${n}`, `${n}`)).status).toBe(202)
    })
    expect(flushesAndAnswers(lines)).toMatch(/^(F+A){20}F*$/)
  })

  test('that fails is followed by no 202, and what it left behind is not taken for stored', async () => {
    const failing = ['-P', wal, '-e', 'trace=fsync,fdatasync', '-e', 'inject=fsync,fdatasync:error=EIO']
    const lines = await traced(failing, async () => {
      for (let n = 0; n < 5; n++) {
        const answer = await client.put('failed', `${n}`)
        expect([answer.status, await answer.text()]).toEqual([503, expect.stringMatching(/may or may not be/)])
        expect((await client.request('/v1/failed')).status).toBe(404)
      }
    })
    expect(lines.filter((line) => line.includes('EIO')).length).toBeGreaterThanOrEqual(5)
    expect(await (await client.request('/readyz')).json()).toMatchObject({
      spool: { on: true, reason: expect.stringContaining('can’t be written') },
    })
    // What had been written and not flushed is written and flushed again, before anything comes after it.
    const healed = await traced(['-e', 'trace=fsync,fdatasync,write,writev,sendto,sendmsg'], async () => {
      expect((await client.put('after', 'x')).status).toBe(202)
    })
    expect(flushesAndAnswers(healed)).toMatch(/^FF+A/)
    await docker(['kill', name])
    await docker(['start', name, `${name}-postgres`])
    await client.reaches('serving')
    expect((await client.request('/v1/failed')).status).toBe(404)
    for (const [key, value] of [
      ['a', 'committed'],
      ['k19', '19'],
      ['after', 'x'],
    ] as const) {
      expect(await (await client.request(`/v1/${key}`)).text()).toBe(value)
    }
  })
})
