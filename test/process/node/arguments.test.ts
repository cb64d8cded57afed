import { execFileSync } from 'node:child_process'
import { chmodSync, mkdirSync, readdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { settings } from '../../../kvs/config/all-settings.ts'
import packageJson from '../../../package.json' with { type: 'json' }
import { makeDatabase } from '../../support/database.ts'
import { startMain, startMainBeside } from '../../support/main.ts'
import { makeDirectory, startReadyNode, toEnvironment } from '../../support/node.ts'
import { testAsRoot } from '../../support/skips.ts'
import { startTarget } from '../../unit/forward/serve.ts'

test('--help names every setting, --version the version; neither reads a setting or makes a thing', () => {
  const cwd = makeDirectory()
  mkdirSync(join(cwd, '.env')) // would end any start
  const help = startMain(['--help'], { cwd, env: { PORT: 'x' } })
  expect([help.status, help.stderr]).toEqual([0, ''])
  for (const { name, purpose } of settings)
    expect(help.stdout).toMatch(new RegExp(`^  ${name} +${RegExp.escape(purpose)}`, 'm'))
  for (const name of ['--check', '--help', '--version']) expect(help.stdout).toContain(name)
  expect(startMain(['--version'], { cwd })).toEqual({ status: 0, stdout: `kvs ${packageJson.version}\n`, stderr: '' })
  expect(startMain(['-h', '--check'], { cwd }).stdout).toBe(help.stdout)
  expect(readdirSync(cwd)).toEqual(['.env'])
})

test('npm start hands arguments on', () => {
  const root = new URL('../../../', import.meta.url)
  const said = execFileSync('npm', ['--silent', 'start', '--', '--version'], { cwd: root, encoding: 'utf8' })
  expect(said).toBe(`kvs ${packageJson.version}\n`)
})

test.each([
  [['--verson'], 'unknown argument "--verson": known are --check, --help, --version'],
  [['-x'], 'unknown argument "-x": known are'],
  [['--constructor'], 'unknown argument "--constructor": known are'],
  [['--token=S3CRET'], 'unknown argument "--token": known are'],
  [['--postgres://u:S3CRET@h/d'], 'unknown argument, not shown as it may be a secret: known are'],
  [['--check', 'S3CRET'], 'an argument without dashes is not taken: settings come by names'],
  [['--', '--check'], 'an argument without dashes is not taken'],
  [['--check=S3CRET'], '--check takes no value'],
])('%j is refused with 78', (args, message) => {
  const cwd = makeDirectory()
  const { status, stdout, stderr } = startMain(args, { cwd })
  expect([status, stdout]).toEqual([78, ''])
  expect(stderr).toContain(message)
  expect(stderr).not.toContain('S3CRET')
  expect(readdirSync(cwd)).toEqual([])
})

test('--check tells all that is wrong with the settings', () => {
  const { status, stderr } = startMain(['--check'], { cwd: makeDirectory(), env: { PORT: 'x', KVS_DRAIN_DELAY: '1' } })
  expect(status).toBe(78)
  expect(stderr).toMatch(/PORT: "x" is not[\s\S]*KVS_DRAIN_DELAY: "1" has no unit/)
})

test('--check finds the log as it is, and changes nothing of it', async () => {
  const { target, sql } = await makeDatabase()
  const tables = () => sql(`SELECT 1 FROM pg_tables WHERE schemaname = 'public'`)
  const cwd = makeDirectory()
  const env = { ...toEnvironment(target), KVS_FOO: '1' }
  const before = startMain(['--check'], { cwd, env })
  expect(before.stdout).toMatch(/^warning: KVS_FOO is not a setting$/m)
  expect(before.stdout).toMatch(/^data directory: .*data is not there yet, which a start makes$/m)
  expect(before.stdout).toMatch(/^log: .* \(not encrypted\): Postgres \d+\S*.*, no log yet, which a start makes$/m)
  expect([before.status, await tables(), readdirSync(cwd)]).toEqual([0, [], []])

  const node = await startReadyNode(cwd, env)
  await fetch(`${node.url}/v1/a`, { method: 'PUT', body: 'x' })
  const running = startMain(['--check'], { cwd, env })
  expect(running.stdout).toMatch(/^data directory: .* is in use by a node that runs$/m)
  expect(running.stdout).toMatch(/^log: .*, the log [\da-f]{8} with 1 entries$/m)
  expect(running.status).toBe(0)
  expect((await fetch(`${node.url}/v1/a`, { method: 'PUT', body: 'y' })).status).toBe(201)

  await sql('INSERT INTO kvs_migrations (version, name) VALUES (99, $1)', ['newer'])
  const newer = startMain(['--check'], { cwd, env })
  expect(newer.stdout).toMatch(/^log: NOT USABLE: the database's schema has version 99/m)
  expect(newer.status).toBe(78)
})

test('libpq’s variables, in the environment or in .env, change nothing of a session, and are told of', async () => {
  const { target } = await makeDatabase()
  const cwd = makeDirectory()
  writeFileSync(join(cwd, '.env'), 'PGREPLICATION=database\n')
  const env = { ...toEnvironment(target), PGOPTIONS: '-c search_path=nowhere', PGSSLNEGOTIATION: 'direct' }
  const { status, stdout } = startMain(['--check'], { cwd, env })
  expect(stdout).toMatch(/^warning: passed over, .*: PGOPTIONS, PGSSLNEGOTIATION, PGREPLICATION; set/m)
  expect(stdout).toMatch(/^log: .*, no log yet, which a start makes$/m)
  expect(status).toBe(0)
})

test('--check says why the log can’t be reached, as a start would', () => {
  const env = { POSTGRES_HOST: '127.0.0.1', POSTGRES_PORT: '1' }
  const { status, stdout } = startMain(['--check'], { cwd: makeDirectory(), env })
  expect(stdout).toContain('log: NOT USABLE: nothing listens at 127.0.0.1:1: is Postgres running there? Else look at')
  expect(status).toBe(78)
})

testAsRoot('--check finds a data directory that this user may not use', async () => {
  const cwd = makeDirectory()
  mkdirSync(join(cwd, 'data'))
  chmodSync(join(cwd, 'data'), 0o700)
  const asNobody = (env: Record<string, string>) => startMain(['--check'], { cwd, env, uid: 65_534 })
  const embedded = asNobody({})
  expect(embedded.stdout).toMatch(/^data directory: NOT USABLE: the directory .* can’t be used \(EACCES/m)
  expect(embedded.status).toBe(78)

  const elsewhere = { POSTGRES_HOST: '127.0.0.1', POSTGRES_PORT: '1' }
  expect(asNobody(elsewhere).stdout).toMatch(/^data directory: NOT USABLE: /m) // it may hold writes that are nowhere else
  const other = asNobody({ ...elsewhere, KVS_DATA_DIR: join(cwd, 'other') })
  expect(other.stdout).toMatch(/^data directory: not usable, and done without: /m)
})

test('--check asks the target of a forwarding node', async () => {
  const cwd = makeDirectory()
  let status = 200
  const { port } = await startTarget(({ url }, response) => {
    response.writeHead(url === '/readyz' ? status : 500).end('{}')
  })
  const check = () => startMainBeside(['--check'], { cwd, env: { FORWARDING_ADDRESS: `127.0.0.1:${port}` } })
  expect(await check()).toMatchObject({
    status: 0,
    stdout: expect.stringContaining(`target: http://127.0.0.1:${port} answers: it is ready\n`),
  })
  status = 503
  expect((await check()).stdout).toContain('it is not ready (/readyz answers 503)')

  const env = { FORWARDING_ADDRESS: `127.0.0.1:1`, KVS_FORWARD_TIMEOUT: '1s' }
  expect(startMain(['--check'], { cwd, env })).toMatchObject({
    status: 78,
    stdout: expect.stringContaining('target: NOT USABLE: nothing listens at 127.0.0.1:1: is the node running there?\n'),
  })
  expect(readdirSync(cwd)).toEqual([])
})
