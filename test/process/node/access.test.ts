import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, readFileSync, renameSync, writeFileSync } from 'node:fs'
import { Agent, request } from 'node:http'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { makeDatabase } from '../../support/database.ts'
import { makeDirectory, type Node, spawnNode, startNode, startReadyNode, toEnvironment } from '../../support/node.ts'
import { testWhere } from '../../support/skips.ts'
import { sequenceOf } from '../../support/tags.ts'
import { until } from '../../support/until.ts'

const secretOf = (name: string) => `${name}-0123456789abcdef`
const bearer = (name: string) => ({ authorization: `Bearer ${secretOf(name)}` })
const entry = (name: string, rights: string, rest = '') => `${name}:${rights}:${secretOf(name)}${rest}\n`
const database = async () => toEnvironment((await makeDatabase()).target)

function makeFile(...entries: string[]) {
  const path = join(makeDirectory(), 'tokens')
  const write = (...entries: string[]) => writeFileSync(path, entries.join(''), { mode: 0o600 })
  write(...entries)
  return { path, write }
}

const statusOf = async ({ url }: Pick<Node, 'url'>, name: string, options: RequestInit = {}) =>
  (await fetch(`${url}/v1/a`, { ...options, headers: bearer(name) })).status

test('a file of tokens is read anew on SIGHUP, for connections that are open too', async () => {
  const { path, write } = makeFile(entry('old', 'read'), entry('both', 'read'))
  const node = await startReadyNode(makeDirectory(), {
    ...(await database()),
    KVS_TOKENS_FILE: path,
    LOG_LEVEL: 'debug',
  })
  expect(node.output()).toContain('tokens in force: old, both')
  const agent = new Agent({ keepAlive: true, maxSockets: 1 })
  onTestFinished(() => agent.destroy())
  const ask = async (name: string) => {
    const [response] = await once(request(`${node.url}/v1/a`, { agent, headers: bearer(name) }).end(), 'response')
    const { localPort } = response.socket
    await once(response.resume(), 'end')
    return [response.statusCode, localPort]
  }
  const [status, port] = await ask('old')
  expect(status).toBe(404)

  // In the place of the old one, as an editor does
  const other = makeFile(entry('new', 'read+write'), entry('both', 'write'))
  renameSync(other.path, path)
  node.kill('SIGHUP')
  await until('the tokens are read', () => node.output().includes('tokens read anew: new, both') || undefined)
  expect(await ask('old')).toEqual([401, port])
  expect(await ask('both')).toEqual([403, port])
  expect(await ask('new')).toEqual([404, port])

  for (const [wrong, problem] of [
    [`new:reed:${secretOf('new')}\nx:read:short\n`, 'KVS_TOKENS_FILE: line 2 (x): the token has 5'],
    [entry('old', 'read', ':b/').slice(0, -4), 'KVS_TOKENS_FILE: its last line is cut short'],
    ['', 'KVS_TOKENS_FILE has no token in it'],
  ] as const) {
    write(wrong)
    node.kill('SIGHUP')
    await until('the problem is told', () => node.output().includes(problem) || undefined)
    expect(await ask('new')).toEqual([404, port])
    expect(await ask('old')).toEqual([401, port])
  }
  expect(node.output()).toMatch(/"level":50,"time":"[^"]+","msg":"the tokens stay as they were:/)
  expect(node.output()).toContain('KVS_TOKENS_FILE: line 1 (new): what follows the name are no rights')
  expect(node.output()).not.toContain('0123456789abcdef')
})

test.each([
  ['without tokens', {}],
  ['with tokens in KVS_TOKENS', { KVS_TOKENS: entry('ci', 'read') }],
])('%s SIGHUP ends nothing, and says that there is nothing to read', async (_, env) => {
  const node = await startNode(makeDirectory(), { ...(await database()), ...env })
  node.kill('SIGHUP')
  await until('it says so', () => /SIGHUP: no setting names a file/.test(node.output()) || undefined)
  expect((await fetch(`${node.url}/livez`)).status).toBe(200)
})

test('a forwarder reads its file of tokens anew as well', async () => {
  const { path, write } = makeFile(entry('old', 'read'))
  const env = { FORWARDING_ADDRESS: '127.0.0.1:1', KVS_TOKENS_FILE: path }
  const node = await startNode(makeDirectory(), env)
  expect(await statusOf(node, 'old')).toBe(503)
  write(entry('new', 'read'))
  node.kill('SIGHUP')
  await until('the tokens are read', () => node.output().includes('tokens read anew: new') || undefined)
  expect(await statusOf(node, 'old')).toBe(401)
  expect(await statusOf(node, 'new')).toBe(503)
})

test.each([
  ['a node', {}],
  ['a forwarder', { FORWARDING_ADDRESS: '127.0.0.1:8080' }],
])('%s does not listen beyond the loopback for nobody in particular', async (_, env) => {
  const node = spawnNode(makeDirectory(), { ...env, KVS_HOST: '0.0.0.0' })
  expect(await node.ended).toBe(78)
  expect(node.output()).toMatch(/KVS_HOST \(0\.0\.0\.0\) can be reached from other machines, and no token is set/)
})

test('it does with tokens, or where it is told to', async () => {
  const forwarding = { FORWARDING_ADDRESS: '127.0.0.1:1', KVS_HOST: '0.0.0.0' }
  const anonymous = await startNode(makeDirectory(), { ...forwarding, KVS_ALLOW_ANONYMOUS: 'true' })
  expect(anonymous.output()).toMatch(
    /"level":40,"time":"[^"]+","msg":"no tokens: whoever can connect may read and write every key"/,
  )
  expect(await statusOf(anonymous, 'x')).toBe(503)
  const tokens = { KVS_TOKENS: entry('ci', 'read'), KVS_ALLOW_ANONYMOUS: 'true' }
  const locked = await startNode(makeDirectory(), { ...forwarding, ...tokens })
  expect(await statusOf(locked, 'ci')).toBe(503)
  expect(await statusOf(locked, 'x')).toBe(401)
})

test('everything wrong with the tokens is told at once, with 78, and no token', async () => {
  const { path } = makeFile('# who\n', entry('a', 'reed'), `b:read:S3CRET\n`, `${secretOf('c')}\n`)
  const node = spawnNode(makeDirectory(), { KVS_TOKENS_FILE: path, KVS_MAX_REQUEST_RATE: 'x', PORT: 'y' })
  expect(await node.ended).toBe(78)
  expect(node.output().trim().split('\n')).toEqual([
    'the configuration is not valid:',
    expect.stringMatching(/^ {2}PORT: "y"/),
    expect.stringMatching(/^ {2}KVS_MAX_REQUEST_RATE: "x"/),
    expect.stringMatching(/^ {2}KVS_TOKENS_FILE: line 2 \(a\): what follows the name are no rights/),
    expect.stringMatching(/^ {2}KVS_TOKENS_FILE: line 3 \(b\): the token has 6 characters/),
    expect.stringMatching(/^ {2}KVS_TOKENS_FILE: line 4: is no token/),
  ])
  expect(node.output()).not.toMatch(/S3CRET|0123456789abcdef/)
})

test('an Idempotency-Key that two tokens use is two', async () => {
  const KVS_TOKENS = entry('one', 'read+write') + entry('two', 'read+write')
  const node = await startReadyNode(makeDirectory(), { ...(await database()), KVS_TOKENS })
  const put = async (name: string, key: string, body: string) => {
    const headers = { ...bearer(name), 'idempotency-key': 'k' }
    const answer = await fetch(`${node.url}/v1/${key}`, { method: 'PUT', body, headers })
    return [answer.status, sequenceOf(answer)]
  }
  expect(await put('one', 'a', 'x')).toEqual([201, 1n])
  expect(await put('two', 'a', 'x')).toEqual([201, 2n])
  expect(await put('two', 'b', 'y')).toEqual([422, undefined])
  expect(await put('one', 'a', 'x')).toEqual([201, 1n])
  expect(await put('two', 'a', 'x')).toEqual([201, 2n])
})

// util-linux's, which gives the node a terminal of its own
testWhere(
  process.platform === 'linux' && existsSync('/usr/bin/script'),
  'util-linux’s script',
  'a node ends with the terminal that it was started from',
  async () => {
    const main = join(import.meta.dirname, '../../../kvs/main.ts')
    const directory = makeDirectory()
    const pidFile = join(directory, 'pid')
    const command = `sh -c 'echo $$ > ${pidFile}; exec ${process.execPath} ${main} > ${directory}/log 2>&1'`
    const env = { PATH: process.env.PATH, PORT: '0', FORWARDING_ADDRESS: '127.0.0.1:1' }
    const terminal = spawn('script', ['-qec', command, '/dev/null'], { cwd: directory, env, stdio: 'ignore' })
    const log = () => (existsSync(`${directory}/log`) ? readFileSync(`${directory}/log`, 'utf8') : '')
    await until('the node listens', () => log().includes('listening') || undefined)
    const pid = Number(readFileSync(pidFile, 'utf8'))
    onTestFinished(() => {
      terminal.kill('SIGKILL')
      try {
        process.kill(pid, 'SIGKILL')
      } catch {
        // it has ended
      }
    })
    process.kill(pid, 'SIGHUP')
    await until('it has nothing to read', () => log().includes('SIGHUP: no setting names a file') || undefined)
    terminal.kill('SIGKILL')
    await until('it has stopped', () => log().includes('stopped') || undefined)
  },
)
