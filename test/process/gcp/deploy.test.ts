import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { makeProject, type Project } from './project.ts'

vi.setConfig({ testTimeout: 300_000 })

const place = ['--project=my-project', '--zone=europe-west3-c']
const token = '0123456789abcdef0123456789abcdef'

let project: Project
let needed: string[]
let everything: string[]

beforeEach(() => {
  project = makeProject()
  const tokens = project.file('tokens.txt', `# who may\nme:read+write:${token}\n`)
  needed = [...place, '--source-ranges=203.0.113.7/32', `--tokens-file=${tokens}`]
  const cert = project.file('cert.pem', '-----BEGIN CERTIFICATE-----')
  const key = project.file('key.pem', '-----BEGIN PRIVATE KEY-----')
  everything = [...needed, '--cloud-sql=kvs-db', '--cloud-logging', `--tls-cert=${cert}`, `--tls-key=${key}`]
})

afterEach(() => project.remove())

function succeed({ status, stdout, stderr }: ReturnType<Project['deploy']>) {
  expect(status, stderr).toBe(0)
  return { stdout, stderr }
}

describe('deploy.sh', () => {
  test('makes all that the service needs, and ends with what to type', () => {
    const { stdout, stderr } = succeed(project.deploy(needed))
    const { things } = project.cloud()
    expect(Object.keys(things).toSorted()).toEqual([
      expect.stringMatching(/^artifacts docker images europe-west3-docker.pkg.dev\/my-project\/kvs\/kvs:[0-9a-f]{12}$/),
      'artifacts repositories kvs',
      'compute addresses kvs',
      'compute disks kvs-data',
      'compute firewall-rules kvs',
      'compute instances kvs',
      'iam service-accounts kvs-builder',
      'iam service-accounts kvs-service',
      'secrets kvs-postgres-password',
      'secrets kvs-tokens',
    ])
    expect(things['compute firewall-rules kvs']).toMatchObject({
      ...{ '--allow': 'tcp:8080', '--source-ranges': '203.0.113.7/32', '--target-tags': 'kvs' },
    })
    expect(stdout).toContain('address=192.0.2.7')
    expect(stdout).toMatch(/^curl -i -X PUT .* http:\/\/\$address:8080\/v1\/key-a$/m)
    expect(stderr).toContain('travel in clear')
  })

  test('prints lines that take the token from its file, and do not show it', () => {
    const { stdout } = succeed(project.deploy(needed))
    expect(stdout).not.toContain(token)
    succeed(project.bash(stdout))
    expect(project.read('curl.log')).toContain(
      `Authorization: Bearer ${token} -d Test Pair 1 http://192.0.2.7:8080/v1/key-a`,
    )
  })

  test('makes nothing the second time', () => {
    succeed(project.deploy(everything))
    const { things, bindings, calls } = project.cloud()
    const { stdout } = succeed(project.deploy(everything))
    const again = project.cloud()
    expect(again.calls.slice(calls.length).filter(({ changed }) => changed)).toEqual([])
    expect([again.things, again.bindings]).toEqual([things, bindings])
    expect(stdout).toContain('https://$address:8080')
  })

  test('goes on where it stopped, wherever that was', () => {
    succeed(project.deploy(everything))
    const wanted = project.contents()
    const { length } = project.cloud().calls
    for (const part of [0, 0.2, 0.4, 0.6, 0.8]) {
      const at = Math.floor(length * part)
      const other = makeProject()
      other.deploy(everything, { FAKE_FAILS_AT: String(at) })
      succeed(other.deploy(everything))
      expect(other.contents(), `stopped at call ${at}`).toEqual(wanted)
      other.remove()
    }
  })

  test('makes no user of Cloud SQL without the password, where that can’t be read', () => {
    succeed(project.deploy(everything))
    const wanted = project.contents()
    const reads = ({ words }: { words: string[] }) =>
      words.includes('access') && words.includes('--secret=kvs-postgres-password')
    const other = makeProject()
    other.deploy(everything, { FAKE_FAILS_AT: String(project.cloud().calls.findIndex(reads)) })
    expect(Object.keys(other.cloud().things).filter((id) => id.startsWith('sql users'))).toEqual([])
    succeed(other.deploy(everything))
    expect(other.contents()).toEqual(wanted)
    other.remove()
  })

  test('ends at a failure that says nothing of what is there, and makes nothing twice', () => {
    const { status, stderr } = project.deploy(needed, { FAKE_FAILS_AT: '1' })
    expect([status, stderr]).toEqual([1, expect.stringContaining('the network has gone')])
    expect(project.cloud().calls).toHaveLength(2)
  })

  test('is what --dry-run prints, which runs nothing', () => {
    const { stdout } = succeed(project.deploy([...everything, '--dry-run']))
    expect(() => project.cloud()).toThrow('ENOENT')
    succeed(project.bash(stdout))
    const printed = project.contents()
    const other = makeProject()
    succeed(other.deploy(everything))
    expect(printed).toEqual(other.contents())
    other.remove()
  })

  test('lets no secret be seen: not in a command’s words, not in the metadata, not in what it prints', () => {
    const { stdout, stderr } = succeed(project.deploy(everything))
    const { calls, things } = project.cloud()
    const password = things['secrets kvs-postgres-password']?.versions?.[0] ?? ''
    expect(password).toMatch(/^[0-9a-f]{48}$/)
    expect(things['sql users kvs-db/kvs']).toMatchObject({ stdin: `--password: ${password}` })
    const seen = JSON.stringify(calls) + stdout + stderr
    for (const secret of [token, password, 'PRIVATE KEY']) expect(seen).not.toContain(secret)
  })

  test('takes a new port, other ranges, another image and new tokens to what is there', () => {
    succeed(project.deploy([...needed, '--image=one']))
    const changed = needed.map((option) => option.replace('203.0.113.7/32', '198.51.100.0/24,203.0.113.7/32'))
    project.file('tokens.txt', `me:read+write:${token}\nother:read:${token}${token}\n`)
    succeed(project.deploy([...changed, '--image=two', '--port=443']))
    const { things } = project.cloud()
    expect(things['compute firewall-rules kvs']).toMatchObject({
      ...{ '--allow': 'tcp:443', '--source-ranges': '198.51.100.0/24,203.0.113.7/32' },
    })
    expect(things['compute instances kvs']?.['--metadata']).toMatch(/kvs-image=two,kvs-publish=0\.0\.0\.0:443/)
    expect(things['secrets kvs-tokens']?.versions).toHaveLength(2)
    expect(things['secrets kvs-postgres-password']?.versions).toHaveLength(1)
  })

  test('gives the service account rights on its own secrets and nothing more', () => {
    succeed(project.deploy(needed))
    const rights = project.cloud().bindings.filter((binding) => binding.includes('kvs-service@'))
    expect(rights.map((binding) => binding.replace(/ serviceAccount:\S+/, '')).toSorted()).toEqual([
      'artifacts repositories kvs roles/artifactregistry.reader',
      'secrets kvs-postgres-password roles/secretmanager.secretAccessor',
      'secrets kvs-tokens roles/secretmanager.secretAccessor',
    ])
  })

  test('says what the VM said last, where the service does not get ready', () => {
    const late = [...needed, '--image=one', '--timeout=1']
    const failed = project.deploy(late, { FAKE_VM_SAYS: 'RELEASE a secret is empty' })
    expect([failed.status, failed.stderr]).toEqual([1, expect.stringContaining('said last: a secret is empty')])
    const silent = project.deploy(late, { FAKE_VM_SAYS: '' })
    expect([silent.status, silent.stderr]).toEqual([1, expect.stringContaining('get-serial-port-output')])
    const shut = project.deploy(late, { FAKE_CURL_CODE: '28' })
    expect([shut.status, shut.stderr]).toEqual([1, expect.stringContaining('in --source-ranges?')])
  })

  test('says all that is wrong at once, and does nothing', () => {
    const { status, stderr } = project.deploy(['--zone=here', '--port=99999', '--prot=1', '--tls-cert=nowhere', 'x'])
    expect(status).toBe(2)
    for (const part of [
      ...['there is no option --prot=1', 'what is x?', '--project is needed', '--zone here', '--port 99999'],
      ...['--source-ranges is needed', '--tokens-file is needed', '--tls-cert and --tls-key go together', 'nowhere'],
    ]) {
      expect(stderr).toContain(part)
    }
    expect(() => project.cloud()).toThrow('ENOENT')
  })

  test.each([
    ['0.0.0.0/0', /open to the world; if that is meant, say --open-to-the-world/],
    ['128.0.0.0/1,0.0.0.0/1', /open to the world/],
    ['::/0', /IPv4 address alone/],
    ['203.0.113.7', /is no IPv4 range/],
    ['203.0.113.300/32', /is no IPv4 range/],
  ])('refuses the range %s', (ranges, said) => {
    const { status, stderr } = project.deploy([...needed, `--source-ranges=${ranges}`])
    expect([status, stderr]).toEqual([2, expect.stringMatching(said)])
  })

  test('opens to the world only with both the flag and a token', () => {
    const open = [...place, '--source-ranges=0.0.0.0/0', '--open-to-the-world']
    expect(project.deploy(open).stderr).toContain('--tokens-file is needed')
    const none = project.file('none.txt', '# nobody\n\n')
    expect(project.deploy([...open, `--tokens-file=${none}`]).stderr).toContain('has no line NAME:RIGHTS:TOKEN')
    succeed(project.deploy([...needed, ...open, '--dry-run']))
  })
})

describe('destroy.sh', () => {
  const sql = ['--cloud-sql=kvs-db']

  test('undoes all but the data, and tolerates what is gone', () => {
    succeed(project.deploy(everything))
    succeed(project.destroy([...place, ...sql]))
    const left = project.contents()
    expect(Object.keys(left.things).toSorted()).toEqual([
      'compute disks kvs-data',
      'secrets kvs-postgres-password',
      'sql databases kvs-db/kvs',
      'sql instances kvs-db',
      'sql users kvs-db/kvs',
    ])
    expect(left.things['sql instances kvs-db']).toMatchObject({ '--authorized-networks': '' })
    expect(left.bindings).toEqual([])
    const { length } = project.cloud().calls
    succeed(project.destroy([...place, ...sql]))
    expect(
      project
        .cloud()
        .calls.slice(length)
        .filter(({ changed }) => changed),
    ).toEqual([])
  })

  test('deletes the data too when it is told to', () => {
    succeed(project.deploy(everything))
    succeed(project.destroy([...place, ...sql, '--delete-data']))
    expect(project.contents()).toEqual({ things: {}, bindings: [] })
    succeed(project.destroy([...place, ...sql, '--delete-data']))
  })

  test('leaves what a deployment finds again: the same password', () => {
    succeed(project.deploy(needed))
    const password = project.cloud().things['secrets kvs-postgres-password']
    succeed(project.destroy(place))
    succeed(project.deploy(needed))
    expect(project.cloud().things['secrets kvs-postgres-password']).toEqual(password)
  })

  test('is what --dry-run prints', () => {
    succeed(project.deploy(everything))
    const { stdout } = succeed(project.destroy([...place, ...sql, '--delete-data', '--dry-run']))
    succeed(project.bash(stdout))
    expect(project.contents()).toEqual({ things: {}, bindings: [] })
  })

  test('ends at a failure that says nothing of what is there', () => {
    succeed(project.deploy(needed))
    const { length } = project.cloud().calls
    const { status, stderr } = project.destroy(place, { FAKE_FAILS_AT: String(length) })
    expect([status, stderr]).toEqual([1, expect.stringContaining('the network has gone')])
    expect(project.cloud().things).toHaveProperty('compute instances kvs')
  })

  test('never takes a question that failed for the answer that there is nothing to undo', () => {
    succeed(project.deploy(everything))
    const deployed = project.read('cloud.json')
    const { length } = project.cloud().calls
    succeed(project.destroy([...place, ...sql]))
    const questions = project.cloud().calls.flatMap(({ words }, at) => {
      const asks = words.includes('get-iam-policy') || words.some((word) => word.includes('authorizedNetworks'))
      return asks && at >= length ? [at] : []
    })
    expect(questions.length).toBeGreaterThan(4)
    for (const at of questions) {
      project.file('cloud.json', deployed)
      const { status, stderr } = project.destroy([...place, ...sql], { FAKE_FAILS_AT: String(at) })
      expect([status, stderr], `failed at call ${at}`).toEqual([1, expect.stringContaining('the network has gone')])
    }
  })
})
