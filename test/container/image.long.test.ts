import { afterAll, beforeAll, expect, test, vi } from 'vitest'
import { docker } from '../../tools/lab/docker.ts'
import { build, epoch, id, image, inspect, keepsWhatItTook, withContainer } from './built-image.ts'
import { makeClient } from './client.ts'
import { describeWithDocker } from './docker.ts'

vi.setConfig({ testTimeout: 300_000, hookTimeout: 900_000 })

/** Each file with its kind, mode, owner, and what is in it; not its times. */
async function filesOf(tag: string): Promise<ReadonlySet<string>> {
  // What Docker puts into each container is left out.
  const skip = '\\( -path /etc/hosts -o -path /etc/hostname -o -path /etc/resolv.conf -o -path /.dockerenv \\)'
  const list = `find / -xdev -not ${skip} -printf "%y %m %U:%G %l %p\\n"`
  const sums = `find / -xdev -type f -not ${skip} -exec sha256sum {} +`
  // The health check would compile itself for its user.
  const options = ['--rm', '--user', '0', '--network', 'none', '--no-healthcheck']
  const lines = await docker(['run', ...options, tag, 'sh', '-c', `${list}; ${sums}`])
  return new Set(lines.split('\n'))
}

describeWithDocker('the image', () => {
  beforeAll(() => build(image))

  afterAll(() => docker(['rmi', '--force', image, `${id}:two`]).catch(() => undefined))

  test('built twice without a cache has the same files, byte for byte, and the same time of creation', async () => {
    const again = `${id}:two`
    await build(image, '--no-cache')
    await build(again, '--no-cache')
    const [one, two] = [await filesOf(image), await filesOf(again)]
    expect(one.size).toBeGreaterThan(1_000)
    expect([...one.symmetricDifference(two)].slice(0, 20)).toEqual([])
    expect(await inspect('{{.Created}}')).toBe(new Date(epoch * 1000).toISOString().replace('.000', ''))
    expect(await inspect('{{.Created}}', again)).toBe(await inspect('{{.Created}}'))
  })

  const storages = [
    ['uid 1000, as it says itself', []],
    [
      'a uid of group 0, as OpenShift gives, and a volume',
      ['--cap-drop', 'ALL', '--user', '12345:0', '--volume', `${id}-a:/var/lib/kvs`],
    ],
    [
      'a uid and a group that it does not know',
      ['--cap-drop', 'ALL', '--user', '12345:12345', '--volume', `${id}-b:/var/lib/kvs`],
    ],
    ['root', ['--user', '0', '--volume', `${id}-c:/var/lib/kvs`]],
  ] as const

  test.each(storages)('serves from its embedded log as %s, and has all after a kill', async (_name, options) => {
    const run = ['--read-only', '--tmpfs', '/tmp', ...options]
    await withContainer(run, keepsWhatItTook).finally(() => removeVolume(options.at(-1)))
  })

  test('unpacks its embedded log, and gives each container’s an identity of its own', async () => {
    const script = `import pg from 'pg'
      const client = new pg.Client({ host: '/var/lib/kvs/run', user: 'kvs', database: 'kvs' })
      await client.connect()
      const sql = 'SELECT system_identifier::text, (SELECT log_id FROM log_head) AS log_id FROM pg_control_system()'
      console.log(JSON.stringify((await client.query(sql)).rows[0]))
      await client.end()`
    const identities: { system_identifier: string; log_id: string }[] = []
    for (const _ of [1, 2]) {
      await withContainer([], async (container, url) => {
        await makeClient(url).reaches('serving')
        identities.push(JSON.parse(await docker(['exec', container, 'node', '--input-type=module', '--eval', script])))
        // It is left out of the template, and its first segment is initdb's.
        const segments = await docker(['exec', container, 'ls', '/var/lib/kvs/postgres/pg_wal'])
        expect(segments).not.toContain('000000010000000000000001')
      })
    }
    const [one, two] = identities
    expect(one?.system_identifier).toMatch(/^\d{19}$/)
    expect(one?.system_identifier).not.toBe(two?.system_identifier)
    expect(one?.log_id).not.toBe(two?.log_id)
  })
})

async function removeVolume(mount: string | undefined): Promise<void> {
  if (mount !== undefined) await docker(['volume', 'rm', '--force', mount.split(':')[0] ?? ''])
}
