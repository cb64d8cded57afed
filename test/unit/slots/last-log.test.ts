import { closeSync, mkdirSync, openSync, readdirSync, readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { systemRandom } from '../../../kvs/lib/random.ts'
import { readLastLog, writeLastLog } from '../../../kvs/slots/last-log.ts'
import { makeDirectory } from '../../support/node.ts'

test('a log that is noted already is not written again', () => {
  const directory = makeDirectory()
  const stamp = () => statSync(join(directory, 'log-id'), { bigint: true }).ctimeNs
  writeLastLog(directory, 'cafe0123', systemRandom)
  const before = stamp()
  writeLastLog(directory, 'cafe0123', systemRandom)
  expect([readLastLog(directory), stamp()]).toEqual(['cafe0123', before])
})

test('the file of another log takes the place of the old one, which whoever reads it meanwhile has as a whole', () => {
  const directory = makeDirectory()
  writeLastLog(directory, 'cafe0123', systemRandom)
  const reader = openSync(join(directory, 'log-id'), 'r')
  onTestFinished(() => closeSync(reader))
  writeLastLog(directory, 'beef4567', systemRandom)
  expect(readFileSync(reader, 'utf8')).toBe('cafe0123\n')
  expect([readLastLog(directory), readdirSync(directory)]).toEqual(['beef4567', ['log-id']])
  expect(statSync(join(directory, 'log-id')).mode & 0o777).toBe(0o600)
})

test('where it can’t be noted nothing is left behind', () => {
  const directory = makeDirectory()
  mkdirSync(join(directory, 'log-id'))
  writeLastLog(directory, 'cafe0123', systemRandom)
  expect([readLastLog(directory), readdirSync(directory)]).toEqual([undefined, ['log-id']])
  writeLastLog(join(directory, 'missing'), 'cafe0123', systemRandom)
})
