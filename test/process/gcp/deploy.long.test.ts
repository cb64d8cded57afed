import { describe, expect, test, vi } from 'vitest'
import { givenProject, place, succeed, token } from './deployment.ts'
import { makeProject } from './project.ts'

vi.setConfig({ testTimeout: 300_000 })

const given = givenProject()

describe('deploy.sh', () => {
  test('makes nothing the second time', () => {
    succeed(given.project.deploy(given.everything))
    const { things, bindings, calls } = given.project.cloud()
    const { stdout } = succeed(given.project.deploy(given.everything))
    const again = given.project.cloud()
    expect(again.calls.slice(calls.length).filter(({ changed }) => changed)).toEqual([])
    expect([again.things, again.bindings]).toEqual([things, bindings])
    expect(stdout).toContain('https://$address:8080')
  })

  test('goes on where it stopped, wherever that was', () => {
    succeed(given.project.deploy(given.everything))
    const wanted = given.project.contents()
    const { length } = given.project.cloud().calls
    for (const part of [0, 0.2, 0.4, 0.6, 0.8]) {
      const at = Math.floor(length * part)
      const other = makeProject()
      other.deploy(given.everything, { FAKE_FAILS_AT: String(at) })
      succeed(other.deploy(given.everything))
      expect(other.contents(), `stopped at call ${at}`).toEqual(wanted)
      other.remove()
    }
  })

  test('makes no user of Cloud SQL without the password, where that can’t be read', () => {
    succeed(given.project.deploy(given.everything))
    const wanted = given.project.contents()
    const reads = ({ words }: { words: string[] }) =>
      words.includes('access') && words.includes('--secret=kvs-postgres-password')
    const other = makeProject()
    other.deploy(given.everything, { FAKE_FAILS_AT: String(given.project.cloud().calls.findIndex(reads)) })
    expect(Object.keys(other.cloud().things).filter((id) => id.startsWith('sql users'))).toEqual([])
    succeed(other.deploy(given.everything))
    expect(other.contents()).toEqual(wanted)
    other.remove()
  })

  test('ends at a failure that says nothing of what is there, and makes nothing twice', () => {
    const { status, stderr } = given.project.deploy(given.needed, { FAKE_FAILS_AT: '1' })
    expect([status, stderr]).toEqual([1, expect.stringContaining('the network has gone')])
    expect(given.project.cloud().calls).toHaveLength(2)
  })

  test('is what --dry-run prints, which runs nothing', () => {
    const { stdout } = succeed(given.project.deploy([...given.everything, '--dry-run']))
    expect(() => given.project.cloud()).toThrow('ENOENT')
    succeed(given.project.bash(stdout))
    const printed = given.project.contents()
    const other = makeProject()
    succeed(other.deploy(given.everything))
    expect(printed).toEqual(other.contents())
    other.remove()
  })

  test('lets no secret be seen: not in a command’s words, not in the metadata, not in what it prints', () => {
    const { stdout, stderr } = succeed(given.project.deploy(given.everything))
    const { calls, things } = given.project.cloud()
    const password = things['secrets kvs-postgres-password']?.versions?.[0] ?? ''
    expect(password).toMatch(/^[0-9a-f]{48}$/)
    expect(things['sql users kvs-db/kvs']).toMatchObject({ stdin: `--password: ${password}` })
    const seen = JSON.stringify(calls) + stdout + stderr
    for (const secret of [token, password, 'PRIVATE KEY']) expect(seen).not.toContain(secret)
  })

  test('takes a new port, other ranges, another image and new tokens to what is there', () => {
    succeed(given.project.deploy([...given.needed, '--image=one']))
    const changed = given.needed.map((option) => option.replace('203.0.113.7/32', '198.51.100.0/24,203.0.113.7/32'))
    given.project.file('tokens.txt', `me:read+write:${token}\nother:read:${token}${token}\n`)
    succeed(given.project.deploy([...changed, '--image=two', '--port=443']))
    const { things } = given.project.cloud()
    expect(things['compute firewall-rules kvs']).toMatchObject({
      ...{ '--allow': 'tcp:443', '--source-ranges': '198.51.100.0/24,203.0.113.7/32' },
    })
    expect(things['compute instances kvs']?.['--metadata']).toMatch(/kvs-image=two,kvs-publish=0\.0\.0\.0:443/)
    expect(things['secrets kvs-tokens']?.versions).toHaveLength(2)
    expect(things['secrets kvs-postgres-password']?.versions).toHaveLength(1)
  })

  test('gives the service account rights on its own secrets and nothing more', () => {
    succeed(given.project.deploy(given.needed))
    const rights = given.project.cloud().bindings.filter((binding) => binding.includes('kvs-service@'))
    expect(rights.map((binding) => binding.replace(/ serviceAccount:\S+/, '')).toSorted()).toEqual([
      'artifacts repositories kvs roles/artifactregistry.reader',
      'secrets kvs-postgres-password roles/secretmanager.secretAccessor',
      'secrets kvs-tokens roles/secretmanager.secretAccessor',
    ])
  })

  test('says what the VM said last, where the service does not get ready', () => {
    const late = [...given.needed, '--image=one', '--timeout=1']
    const failed = given.project.deploy(late, { FAKE_VM_SAYS: 'RELEASE a secret is empty' })
    expect([failed.status, failed.stderr]).toEqual([1, expect.stringContaining('said last: a secret is empty')])
    const silent = given.project.deploy(late, { FAKE_VM_SAYS: '' })
    expect([silent.status, silent.stderr]).toEqual([1, expect.stringContaining('get-serial-port-output')])
    const shut = given.project.deploy(late, { FAKE_CURL_CODE: '28' })
    expect([shut.status, shut.stderr]).toEqual([1, expect.stringContaining('in --source-ranges?')])
  })
})

describe('destroy.sh', () => {
  const sql = ['--cloud-sql=kvs-db']

  test('undoes all but the data, and tolerates what is gone', () => {
    succeed(given.project.deploy(given.everything))
    succeed(given.project.destroy([...place, ...sql]))
    const left = given.project.contents()
    expect(Object.keys(left.things).toSorted()).toEqual([
      'compute disks kvs-data',
      'secrets kvs-postgres-password',
      'sql databases kvs-db/kvs',
      'sql instances kvs-db',
      'sql users kvs-db/kvs',
    ])
    expect(left.things['sql instances kvs-db']).toMatchObject({ '--authorized-networks': '' })
    expect(left.bindings).toEqual([])
    const { length } = given.project.cloud().calls
    succeed(given.project.destroy([...place, ...sql]))
    expect(
      given.project
        .cloud()
        .calls.slice(length)
        .filter(({ changed }) => changed),
    ).toEqual([])
  })

  test('deletes the data too when it is told to', () => {
    succeed(given.project.deploy(given.everything))
    succeed(given.project.destroy([...place, ...sql, '--delete-data']))
    expect(given.project.contents()).toEqual({ things: {}, bindings: [] })
    succeed(given.project.destroy([...place, ...sql, '--delete-data']))
  })

  test('leaves what a deployment finds again: the same password', () => {
    succeed(given.project.deploy(given.needed))
    const password = given.project.cloud().things['secrets kvs-postgres-password']
    succeed(given.project.destroy(place))
    succeed(given.project.deploy(given.needed))
    expect(given.project.cloud().things['secrets kvs-postgres-password']).toEqual(password)
  })

  test('is what --dry-run prints', () => {
    succeed(given.project.deploy(given.everything))
    const { stdout } = succeed(given.project.destroy([...place, ...sql, '--delete-data', '--dry-run']))
    succeed(given.project.bash(stdout))
    expect(given.project.contents()).toEqual({ things: {}, bindings: [] })
  })

  test('ends at a failure that says nothing of what is there', () => {
    succeed(given.project.deploy(given.needed))
    const { length } = given.project.cloud().calls
    const { status, stderr } = given.project.destroy(place, { FAKE_FAILS_AT: String(length) })
    expect([status, stderr]).toEqual([1, expect.stringContaining('the network has gone')])
    expect(given.project.cloud().things).toHaveProperty('compute instances kvs')
  })

  test('never takes a question that failed for the answer that there is nothing to undo', () => {
    succeed(given.project.deploy(given.everything))
    const deployed = given.project.read('cloud.json')
    const { length } = given.project.cloud().calls
    succeed(given.project.destroy([...place, ...sql]))
    const questions = given.project.cloud().calls.flatMap(({ words }, at) => {
      const asks = words.includes('get-iam-policy') || words.some((word) => word.includes('authorizedNetworks'))
      return asks && at >= length ? [at] : []
    })
    expect(questions.length).toBeGreaterThan(4)
    for (const at of questions) {
      given.project.file('cloud.json', deployed)
      const { status, stderr } = given.project.destroy([...place, ...sql], { FAKE_FAILS_AT: String(at) })
      expect([status, stderr], `failed at call ${at}`).toEqual([1, expect.stringContaining('the network has gone')])
    }
  })
})
