import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { inspect } from 'node:util'
import { assert, constantFrom, property, string } from 'fast-check'
import { afterAll, describe, expect, test } from 'vitest'
import { InvalidConfig, readConfig } from '../../../kvs/config/config.ts'
import { forPurpose } from '../../../kvs/config/postgres-target.ts'
import type { Environment } from '../../../kvs/config/settings-table.ts'
import { problemsOf } from './problems.ts'

const directory = mkdtempSync(join(tmpdir(), 'kvs-config-'))
afterAll(() => rmSync(directory, { recursive: true }))

function file(name: string, content: string | Buffer): string {
  writeFileSync(join(directory, name), content)
  return join(directory, name)
}

const pem = (what: string) => `-----BEGIN ${what}-----\nS3CRET\n-----END ${what}-----\n`
const ca = file('ca.pem', pem('CERTIFICATE'))
const cert = file('cert.pem', pem('CERTIFICATE'))
const key = file('key.pem', pem('PRIVATE KEY'))

function target(env: Environment) {
  const { postgres } = readConfig(env)
  if (postgres === 'embedded') throw new Error('embedded')
  return postgres
}

const url = (DATABASE_URL: string) => ({ DATABASE_URL })
const defaults = { port: 5432, database: 'kvs', user: 'kvs', applicationName: 'kvs', tls: { mode: 'prefer' } }

test('variables', () => {
  expect(target({ POSTGRES_HOST: 'db' })).toEqual({ ...defaults, host: 'db' })
  const env = {
    POSTGRES_HOST: '::1',
    POSTGRES_PORT: '5433',
    POSTGRES_DB: 'd',
    POSTGRES_USER: 'u',
    POSTGRES_PASSWORD: ' p ',
  }
  expect(target(env)).toMatchObject({ host: '::1', port: 5433, database: 'd', user: 'u' })
  expect(target(env).password).toBe(' p ')
})

describe('URL', () => {
  test.each<[string, object, string?]>([
    ['postgres://h', { ...defaults, host: 'h' }],
    ['postgresql://h/', { ...defaults, host: 'h' }],
    ['postgres://h:/', { ...defaults, host: 'h' }],
    ['postgres://u:p@h:5433/d', { ...defaults, host: 'h', port: 5433, user: 'u', database: 'd' }, 'p'],
    ['postgres://u@h/d', { ...defaults, host: 'h', user: 'u', database: 'd' }],
    ['postgres://u:@h', { ...defaults, host: 'h', user: 'u' }],
    ['postgres://u:p@[2001:db8::1]:5433/d', { host: '2001:db8::1', port: 5433 }, 'p'],
    ['postgres://[::1]', { host: '::1', port: 5432 }],
    ['postgres://u%40x:%2Fp%3F%40%25%C3%A9@h/d%20b', { user: 'u@x', database: 'd b' }, '/p?@%é'],
    ['postgres://u:a@b#c:d&e=f@h', { user: 'u', host: 'h' }, 'a@b#c:d&e=f'],
    ['postgres://u:p+q@h?application_name=a+b', { applicationName: 'a+b' }, 'p+q'],
    ['postgres://u:p@/d?host=/var/run/pg', { host: '/var/run/pg', database: 'd', tls: { mode: 'disable' } }, 'p'],
    ['postgres:///d?host=%2Ftmp', { host: '/tmp', database: 'd' }],
    ['postgres://%2Ftmp:5433/d', { host: '/tmp', port: 5433 }],
    [
      'postgres://u:p@h/d?sslmode=require&channel_binding=require',
      { tls: { mode: 'require' }, channelBinding: 'require' },
      'p',
    ],
    // What comes later wins, as in libpq.
    ['postgres://h?host=/tmp', { host: '/tmp' }],
    ['postgres://h:1/d?port=2&port=3&dbname=e', { host: 'h', port: 3, database: 'e' }],
    ['postgres://u:p@h?user=v&password=q%26&user=w', { user: 'w' }, 'q&'],
    ['postgres://h?hostaddr=127.0.0.1', { host: 'h', address: '127.0.0.1' }],
    ['postgres:///d?hostaddr=::1', { host: '::1', address: '::1' }],
    ['postgres://h?options=endpoint%3Dep-a-1%20-c%20search_path%3Dx', { options: 'endpoint=ep-a-1 -c search_path=x' }],
    ['postgres://h?options=-csearch_path=x', { options: '-csearch_path=x' }],
    ['postgres://h?connect_timeout=15', { connectTimeoutMs: 15_000 }],
    ['postgres://h?keepalives=0', { tcpKeepAlive: { isOn: false, idleMs: 10_000 } }],
    ['postgres://h?keepalives=1&keepalives_idle=30', { tcpKeepAlive: { isOn: true, idleMs: 30_000 } }],
    ['postgres://h?keepalives_idle=0', { tcpKeepAlive: { isOn: true, idleMs: 10_000 } }],
    ['postgres://h?sslmode=allow&fallback_application_name=f', { tls: { mode: 'allow' }, applicationName: 'f' }],
    ['postgres://h?application_name=a&fallback_application_name=f', { applicationName: 'a' }],
    ['postgres://h?ssl=true', { tls: { mode: 'require' } }],
    ['postgres://h?sslmode=require&sslnegotiation=direct', { tls: { mode: 'require', isDirect: true } }],
    [
      'postgres://h?ssl_min_protocol_version=TLSv1.2&ssl_max_protocol_version=TLSv1.3',
      { tls: { mode: 'prefer', minVersion: 'TLSv1.2', maxVersion: 'TLSv1.3' } },
    ],
    ['postgres://h?require_auth=scram-sha-256,md5', { authMethods: ['md5', 'scram-sha-256'] }],
    ['postgres://h?require_auth=!password,!none', { authMethods: ['md5', 'scram-sha-256', 'gss', 'sspi', 'oauth'] }],
    ['postgres://h?channel_binding=disable', { channelBinding: 'disable' }],
    ...['channel_binding=prefer', 'target_session_attrs=read-write', 'gssencmode=prefer', 'client_encoding=utf-8'].map(
      (taken): [string, object] => [`postgres://h?${taken}`, { ...defaults, host: 'h' }],
    ),
    ...['replication=off', 'sslsni=1', 'sslcompression=0', 'load_balance_hosts=disable', 'pgbouncer=false'].map(
      (taken): [string, object] => [`postgres://h?${taken}`, { ...defaults, host: 'h' }],
    ),
    // As it was copied
    ["'postgres://u:p@h/d'", { user: 'u', host: 'h' }, 'p'],
    ['"postgres://u:p@h/d"\n', { user: 'u', host: 'h', database: 'd' }, 'p'],
    ['postgres://h?sslmode=disable&application_name=x', { tls: { mode: 'disable' }, applicationName: 'x' }],
    [`postgres://h?sslmode=verify-ca&sslrootcert=${ca}`, { tls: { mode: 'verify-ca', ca: pem('CERTIFICATE') } }],
    ['postgres://h?sslmode=verify-full&sslrootcert=system', { tls: { mode: 'verify-full', ca: 'system' } }],
  ])('%s', (text, expected, password) => {
    expect(target(url(text))).toMatchObject(expected)
    expect(target(url(text)).password).toBe(password)
  })

  test.each<[Environment, string]>([
    [url('psql postgres://u:S3CRET@h/d'), 'DATABASE_URL is a command: set it to the URL alone'],
    [url("psql 'postgres://u:S3CRET@h/d?sslmode=require'"), 'DATABASE_URL is a command: set it to the URL alone'],
    [url('jdbc:postgresql://h:5432/d?user=u&password=S3CRET'), 'DATABASE_URL is a URL of JDBC: write postgres://'],
    [url('host=h dbname=d user=u password=S3CRET'), 'DATABASE_URL is written as key=value: write it as a URL'],
    [url("password = 'S3CRET' host = h"), 'DATABASE_URL is written as key=value: write it as a URL'],
    [url('DATABASE_URL=postgres://u:S3CRET@h/d'), 'DATABASE_URL begins with its own name'],
    [url('postgresql+psycopg2://u:S3CRET@h/d'), 'DATABASE_URL names a driver: begin it with postgres://'],
    [url('postgres:u:S3CRET@h/d'), 'DATABASE_URL lacks the // after its first colon'],
    [url('mysql://h/d'), 'DATABASE_URL is not of the form postgres://user:password@host:port/database'],
    [url('h:5432'), 'is not of the form'],
    [url('postgres://u:p/q@h/d'), 'write / as %2F'],
    [url('postgres://u:p?q@h/d'), '? as %3F'],
    [url('postgres://[::1/d'), 'is not of the form'],
    [url('postgres://u:100%@h/d'), 'write % itself as %25'],
    [url('postgres://u:%00@h/d'), 'write % itself as %25'],
    [url('postgres://h1,h2/d'), 'one host is supported'],
    [url('postgres://u:p@h1:5432,h2:5432/d'), 'one host is supported'],
    [url('postgres://[::1],[::2]/d'), 'one host is supported'],
    [url('postgres:///d?host=h1,h2'), 'POSTGRES_HOST (from DATABASE_URL): names several hosts: one host is supported'],
    [url('postgres:///d'), 'names no host'],
    [url('postgres://h:0'), 'has a port that is not a number from 1 to 65535'],
    [url('postgres://h:65536'), 'has a port that is not a number from 1 to 65535'],
    [url('postgres://user:S3CRET'), 'has a port that is not a number from 1 to 65535'],
    [url('postgres://h?sslmode'), 'has sslmode without a value'],
    [url('postgres://h?sslmode='), 'has sslmode without a value'],
    [url('postgres://h?sslmode=verify_full'), 'POSTGRES_SSLMODE (from DATABASE_URL): "verify_full" is not one of'],
    [
      { ...url('postgres://h'), POSTGRES_HOST: 'h', POSTGRES_DB: 'd' },
      "can't be combined with POSTGRES_HOST, POSTGRES_DB",
    ],
    [{ ...url('postgres://h'), POSTGRES_PORT: '1', POSTGRES_USER: 'u' }, 'with POSTGRES_PORT, POSTGRES_USER'],
    [{ ...url('postgres://h'), POSTGRES_PASSWORD: 'p' }, 'with POSTGRES_PASSWORD'],
    [{ ...url('postgres://u:p@h'), POSTGRES_PASSWORD_FILE: key }, 'is set beside a password'],
    [{ ...url('postgres://h?sslmode=disable'), POSTGRES_SSLMODE: 'prefer' }, 'POSTGRES_SSLMODE differs'],
  ])('%j is refused', (env, problem) => {
    const problems = problemsOf(env)
    expect(problems).toEqual([expect.stringContaining(problem)])
    expect(problems.join()).not.toContain('S3CRET')
  })

  test('each unknown parameter is told', () => {
    expect(problemsOf(url('postgres://h?a=1&b=2&sslmode=no'))).toHaveLength(3)
  })

  test('an unknown parameter is named, unless its name may be a piece of a password', () => {
    expect(problemsOf(url('postgres://h?sslmod=no'))).toEqual([
      'DATABASE_URL has the unknown parameter "sslmod"; did you mean sslmode?',
    ])
    const unnamed = [expect.stringContaining('in values write & as %26')]
    expect(problemsOf(url('postgres://h?password=a&S3CRET'))).toEqual(unnamed)
    expect(problemsOf(url('postgres://h?S3CRET&password=a'))).toEqual(unnamed)
    expect(problemsOf(url('postgres://u:5432?S3CRET'))).toEqual(unnamed)
    expect(problemsOf(url('postgres://u:5432?S3CRET=1'))).toEqual(unnamed)
    expect(problemsOf(url('postgres://u:p@h:5432?sslmod=no'))).toEqual([expect.stringContaining('"sslmod"')])
    expect(problemsOf(url('postgres://u:a?S3CRET'))).toEqual([expect.stringContaining('has a port'), ...unnamed])
  })

  // https://www.postgresql.org/docs/18/libpq-connect.html#LIBPQ-PARAMKEYWORDS
  test.each(
    `host hostaddr port dbname user password passfile require_auth channel_binding connect_timeout client_encoding options
    application_name fallback_application_name keepalives keepalives_idle keepalives_interval keepalives_count
    tcp_user_timeout replication gssencmode sslmode requiressl sslnegotiation sslcompression sslcert sslkey sslkeylogfile
    sslpassword sslcertmode sslrootcert sslcrl sslcrldir sslsni requirepeer ssl_min_protocol_version
    ssl_max_protocol_version min_protocol_version max_protocol_version krbsrvname gsslib gssdelegation scram_client_key
    scram_server_key service servicefile target_session_attrs load_balance_hosts oauth_issuer oauth_client_id
    oauth_client_secret oauth_scope`.split(/\s+/),
  )('%s of libpq is known', (name) => {
    const said = problemsOf(url(`postgres://h?${name}=S3CRET`)).join()
    expect(said).not.toContain('unknown parameter')
    if (/pass|secret|_key/.test(name)) expect(said).not.toContain('S3CRET')
  })

  test('a parameter without a value', () => {
    expect(problemsOf(url('postgres://h?channel_binding='))).toEqual([
      'DATABASE_URL has channel_binding without a value: write channel_binding=…, or leave it out',
    ])
  })

  test('may say the same of TLS as the variables, or be completed by them', () => {
    const same = { ...url('postgres://h?sslmode=require'), POSTGRES_SSLMODE: 'require', POSTGRES_SSLROOTCERT: ca }
    expect(target(same).tls).toEqual({ mode: 'require', ca: pem('CERTIFICATE') })
  })
})

describe('password file', () => {
  test.each([
    ['p', 'p'],
    ['p\n', 'p'],
    ['p\r\n', 'p'],
    [' p \n\n', ' p \n'],
    ['\uFEFFp\n', 'p'],
  ])('%j', (content, password) => {
    const POSTGRES_PASSWORD_FILE = file('password', content)
    expect(target({ POSTGRES_HOST: 'db', POSTGRES_PASSWORD_FILE }).password).toBe(password)
    expect(target({ DATABASE_URL: 'postgres://u@h', POSTGRES_PASSWORD_FILE }).password).toBe(password)
  })

  test.each<[Environment, string]>([
    [
      { POSTGRES_PASSWORD_FILE: join(directory, 'S3CRET') },
      "POSTGRES_PASSWORD_FILE names a file that can't be read (ENOENT)",
    ],
    [{ POSTGRES_PASSWORD_FILE: directory }, 'POSTGRES_PASSWORD_FILE names a directory'],
    [{ POSTGRES_PASSWORD_FILE: '/dev/zero' }, 'POSTGRES_PASSWORD_FILE names what is no regular file'],
    [{ POSTGRES_PASSWORD_FILE: file('latin1', Buffer.from('p\xe4ss', 'latin1')) }, 'names a file that is not UTF-8'],
    [{ POSTGRES_PASSWORD_FILE: file('empty', '\n') }, 'names an empty file'],
    [{ POSTGRES_PASSWORD_FILE: key, POSTGRES_PASSWORD: 'S3CRET' }, 'is set beside a password'],
  ])('%j is refused', (env, problem) => {
    const problems = problemsOf({ POSTGRES_HOST: 'db', ...env })
    expect(problems).toEqual([expect.stringContaining(problem)])
    expect(problems.join()).not.toContain('S3CRET')
  })
})

describe('what is odd about a password is noted, without the password', () => {
  test.each<[string, Environment, string | undefined]>([
    ['nothing', { POSTGRES_PASSWORD: 'S3CRET' }, undefined],
    ['a blank at its end', { POSTGRES_PASSWORD: 'S3CRET ' }, 'the password ends in a blank'],
    ['a line break', { POSTGRES_PASSWORD: 'S3CRET\n' }, 'the password ends in a line break'],
    ['quotes', { POSTGRES_PASSWORD: '"S3CRET"' }, 'the password is in quotes'],
    ['a carriage return', { POSTGRES_PASSWORD: 'S3CRET\r' }, 'the password ends in a carriage return'],
    [
      'a line break more than the one that a file ends with',
      { POSTGRES_PASSWORD_FILE: file('odd', 'S3CRET\n\n') },
      'the password in POSTGRES_PASSWORD_FILE ends in a line break',
    ],
    ['a file', { POSTGRES_PASSWORD_FILE: file('even', 'S3CRET\n') }, 'it is from POSTGRES_PASSWORD_FILE'],
  ])('%s', (_name, env, note) => {
    expect(target({ POSTGRES_HOST: 'db', ...env }).passwordNote).toBe(note)
  })
})

describe('TLS', () => {
  const files = { POSTGRES_SSLROOTCERT: ca, POSTGRES_SSLCERT: cert, POSTGRES_SSLKEY: key }

  test.each<[Environment, object]>([
    [{ POSTGRES_SSLMODE: 'disable' }, { mode: 'disable' }],
    [{ POSTGRES_SSLMODE: 'require' }, { mode: 'require' }],
    [{ POSTGRES_SSLROOTCERT: ca }, { mode: 'prefer', ca: pem('CERTIFICATE') }],
    [
      { POSTGRES_SSLMODE: 'verify-full', POSTGRES_SSLROOTCERT: 'system' },
      { mode: 'verify-full', ca: 'system' },
    ],
    [
      { POSTGRES_SSLMODE: 'verify-ca', ...files },
      { mode: 'verify-ca', ca: pem('CERTIFICATE'), cert: pem('CERTIFICATE') },
    ],
    [{ POSTGRES_HOST: '/tmp', POSTGRES_SSLMODE: 'verify-full' }, { mode: 'disable' }],
  ])('%j', (env, tls) => {
    expect(target({ POSTGRES_HOST: 'db', ...env }).tls).toEqual(tls)
  })

  test('the key is there', () => {
    const { tls } = target({ POSTGRES_HOST: 'db', ...files })
    expect(tls).toHaveProperty('key', pem('PRIVATE KEY'))
  })

  test.each<[Environment, string]>([
    [{ POSTGRES_SSLMODE: 'verify-ca' }, 'needs POSTGRES_SSLROOTCERT: set it to the PEM file of the CA'],
    [{ POSTGRES_SSLMODE: 'verify-full' }, 'set it to the PEM file of the CA, or to system'],
    [{ POSTGRES_SSLMODE: 'verify-ca', POSTGRES_SSLROOTCERT: 'system' }, 'needs POSTGRES_SSLMODE=verify-full'],
    [{ POSTGRES_SSLROOTCERT: 'system' }, 'needs POSTGRES_SSLMODE=verify-full'],
    [{ POSTGRES_SSLCERT: cert }, 'set both or neither'],
    [{ POSTGRES_SSLKEY: key }, 'set both or neither'],
    [{ POSTGRES_SSLROOTCERT: '/no/such' }, "POSTGRES_SSLROOTCERT names a file that can't be read (ENOENT)"],
    [{ POSTGRES_SSLROOTCERT: key }, 'POSTGRES_SSLROOTCERT names a file without a PEM certificate'],
    [{ ...files, POSTGRES_SSLKEY: cert }, 'POSTGRES_SSLKEY names a file without a PEM unencrypted private key'],
    [{ ...files, POSTGRES_SSLKEY: file('locked.pem', pem('ENCRYPTED PRIVATE KEY')) }, 'key with a passphrase'],
    [
      {
        ...files,
        POSTGRES_SSLKEY: file(
          'locked-old.pem',
          '-----BEGIN RSA PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\nDEK-Info: AES-256-CBC,00\n\nS3CRET\n-----END RSA PRIVATE KEY-----\n',
        ),
      },
      'key with a passphrase, and there is nobody to ask for it',
    ],
  ])('%j is refused', (env, problem) => {
    const problems = problemsOf({ POSTGRES_HOST: 'db', ...env })
    expect(problems).toEqual([expect.stringContaining(problem)])
    expect(problems.join()).not.toContain('S3CRET')
  })
})

test('a target with a purpose of its own keeps its password, as hidden as it was', () => {
  const named = forPurpose(target({ POSTGRES_HOST: 'db', POSTGRES_PASSWORD: 'S3CRET' }), 'checkpoint')
  expect([named.applicationName, named.password]).toEqual(['kvs checkpoint', 'S3CRET'])
  expect(JSON.stringify(named)).not.toContain('S3CRET')
})

describe('a target that is read again', () => {
  const env = {
    POSTGRES_HOST: 'db',
    POSTGRES_PASSWORD_FILE: file('rotated', 'old'),
    POSTGRES_SSLROOTCERT: file('rotated.pem', pem('CERTIFICATE')),
  }

  test('has what the files hold by then, for every purpose; what was read before stays as it was', () => {
    const before = target(env)
    const named = forPurpose(before, 'checkpoint')
    file('rotated', 'PASSW0RD\n')
    file('rotated.pem', `another ${pem('CERTIFICATE')}`)
    for (const given of [before, named, before.reread?.()]) {
      const after = given?.reread?.()
      expect(after?.password).toBe('PASSW0RD')
      expect(after?.tls).toMatchObject({ ca: `another ${pem('CERTIFICATE')}` })
      expect(after?.applicationName).toBe(given?.applicationName)
      expect(JSON.stringify(after) + inspect(after, { depth: 9 })).not.toContain('PASSW0RD')
    }
    expect(before.password).toBe('old')
  })

  test('names the setting whose file can’t be used', () => {
    const before = target(env)
    file('rotated', '')
    rmSync(env.POSTGRES_SSLROOTCERT)
    expect(before.reread).toThrow(
      "POSTGRES_PASSWORD_FILE names an empty file: write the password into it; POSTGRES_SSLROOTCERT names a file that can't be read (ENOENT)",
    )
  })
})

describe('no secret is shown', () => {
  const shown = (value: unknown) => [JSON.stringify(value), inspect(value, { depth: 9 }), String(value)].join('\n')

  test.each<Environment>([
    { POSTGRES_HOST: 'db', POSTGRES_PASSWORD: 'S3CRET' },
    { POSTGRES_HOST: 'db', POSTGRES_PASSWORD_FILE: file('secret', 'S3CRET') },
    { DATABASE_URL: 'postgres://u:S3CRET@h/d' },
    { POSTGRES_HOST: 'db', POSTGRES_SSLCERT: file('plain.pem', '-----BEGIN CERTIFICATE-----'), POSTGRES_SSLKEY: key },
  ])('by the configuration read from %j', (env) => {
    expect(shown(readConfig(env))).not.toContain('S3CRET')
  })

  test('by what is wrong with a URL, whatever the password and the place it went wrong', () => {
    const shape = constantFrom(
      (password: string) => `postgres://u:${password}@h:5432/d?sslmode=require`,
      (password: string) => `postgres://u:${password}@h1,h2/d?sslmode=no&x=y`,
      (password: string) => `mysql://u:${password}@h/d`,
      (password: string) => `u:${password}@h/d`,
      (password: string) => `postgres://:${password}@:x/d?bad`,
      (password: string) => `postgres://u@h/d?password=${password}`,
      (password: string) => `jdbc:postgresql://h/d?user=u&password=${password}`,
      (password: string) => `psql 'postgres://u:${password}@h/d'`,
      (password: string) => `host=h password=${password}`,
    )
    const inner = string({
      unit: constantFrom('/', '?', '#', '@', ':', '%', '&', '=', ',', '[', ']', '1', 'a', ' ', '\n'),
    })
    assert(
      property(shape, inner, inner, (url, before, after) => {
        try {
          expect(shown(readConfig({ DATABASE_URL: url(`${before}S3CRET${after}`) }))).not.toContain('S3CRET')
        } catch (error) {
          if (!(error instanceof InvalidConfig)) throw error
          expect(shown(error)).not.toContain('S3CRET')
        }
      }),
      { numRuns: 3000 },
    )
  })
})
