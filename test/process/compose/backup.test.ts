import { readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { makeFakeDocker } from './fake-docker.ts'

const files = (docker: ReturnType<typeof makeFakeDocker>) =>
  readdirSync(docker.path('.')).filter((name) => name.startsWith('kvs.dump'))

test('a dump is written for its owner alone', () => {
  const docker = makeFakeDocker('*pg_dump*) echo the log ;;')
  expect(docker.run('backup', 'kvs.dump')).toMatchObject({ status: 0, stdout: expect.stringMatching(/^8 bytes in /) })
  expect(readFileSync(docker.path('kvs.dump'), 'utf8')).toBe('the log\n')
  expect(statSync(docker.path('kvs.dump')).mode & 0o777).toBe(0o600)
  expect(files(docker)).toEqual(['kvs.dump'])
})

test('a dump that was cut short is none', () => {
  const docker = makeFakeDocker('*pg_dump*) echo half; exit 1 ;;')
  expect(docker.run('backup', 'kvs.dump')).toMatchObject({ status: 1, stdout: '' })
  expect(files(docker)).toEqual([])
})

test('a file that came meanwhile is left as it is, and not told to be the backup', () => {
  const docker = makeFakeDocker('*pg_dump*) echo of another >kvs-of-another; echo the log ;;')
  writeFileSync(
    docker.path('docker'),
    readFileSync(docker.path('docker'), 'utf8').replace('kvs-of-another', `'${docker.path('kvs.dump')}'`),
  )
  expect(docker.run('backup', 'kvs.dump')).toMatchObject({
    status: 1,
    stdout: '',
    stderr: expect.stringMatching(/is there already/),
  })
  expect(readFileSync(docker.path('kvs.dump'), 'utf8')).toBe('of another\n')
  expect(files(docker)).toEqual(['kvs.dump'])
})

test('another backup to the same file, under way, is not written into', () => {
  const docker = makeFakeDocker('*pg_dump*) echo the log ;;')
  writeFileSync(docker.path('kvs.dump.partial'), 'of another')
  expect(docker.run('backup', 'kvs.dump').status).toBe(0)
  expect(readFileSync(docker.path('kvs.dump.partial'), 'utf8')).toBe('of another')
})
