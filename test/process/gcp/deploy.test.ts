import { describe, expect, test, vi } from 'vitest'
import { givenProject, place, succeed, token } from './deployment.ts'

vi.setConfig({ testTimeout: 300_000 })

const given = givenProject()

describe('deploy.sh', () => {
  test('makes all that the service needs, and ends with what to type', () => {
    const { stdout, stderr } = succeed(given.project.deploy(given.needed))
    const { things } = given.project.cloud()
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
    const { stdout } = succeed(given.project.deploy(given.needed))
    expect(stdout).not.toContain(token)
    succeed(given.project.bash(stdout))
    expect(given.project.read('curl.log')).toContain(
      `Authorization: Bearer ${token} -d Test Pair 1 http://192.0.2.7:8080/v1/key-a`,
    )
  })

  test('says all that is wrong at once, and does nothing', () => {
    const { status, stderr } = given.project.deploy([
      '--zone=here',
      '--port=99999',
      '--prot=1',
      '--tls-cert=nowhere',
      'x',
    ])
    expect(status).toBe(2)
    for (const part of [
      ...['there is no option --prot=1', 'what is x?', '--project is needed', '--zone here', '--port 99999'],
      ...['--source-ranges is needed', '--tokens-file is needed', '--tls-cert and --tls-key go together', 'nowhere'],
    ]) {
      expect(stderr).toContain(part)
    }
    expect(() => given.project.cloud()).toThrow('ENOENT')
  })

  test.each([
    ['0.0.0.0/0', /open to the world; if that is meant, say --open-to-the-world/],
    ['128.0.0.0/1,0.0.0.0/1', /open to the world/],
    ['::/0', /IPv4 address alone/],
    ['203.0.113.7', /is no IPv4 range/],
    ['203.0.113.300/32', /is no IPv4 range/],
  ])('refuses the range %s', (ranges, said) => {
    const { status, stderr } = given.project.deploy([...given.needed, `--source-ranges=${ranges}`])
    expect([status, stderr]).toEqual([2, expect.stringMatching(said)])
  })

  test('opens to the world only with both the flag and a token', () => {
    const open = [...place, '--source-ranges=0.0.0.0/0', '--open-to-the-world']
    expect(given.project.deploy(open).stderr).toContain('--tokens-file is needed')
    const none = given.project.file('none.txt', '# nobody\n\n')
    expect(given.project.deploy([...open, `--tokens-file=${none}`]).stderr).toContain('has no line NAME:RIGHTS:TOKEN')
    succeed(given.project.deploy([...given.needed, ...open, '--dry-run']))
  })
})
