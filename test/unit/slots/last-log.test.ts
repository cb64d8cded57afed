import { closeSync, mkdirSync, openSync, readdirSync, readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { lastLogOf, noteLog } from '../../../kvs/slots/last-log.ts'
import { makeDirectory } from '../../support/node.ts'

test('a log that is noted already is not written again', () => {
  const directory = makeDirectory()
  const stamp = () => statSync(join(directory, 'log-id'), { bigint: true }).ctimeNs
  noteLog(directory, 'cafe0123')
  const before = stamp()
  noteLog(directory, 'cafe0123')
  expect([lastLogOf(directory), stamp()]).toEqual(['cafe0123', before])
})

test('the file of another log takes the place of the old one, which whoever reads it meanwhile has as a whole', () => {
  const directory = makeDirectory()
  noteLog(directory, 'cafe0123')
  const reader = openSync(join(directory, 'log-id'), 'r')
  onTestFinished(() => closeSync(reader))
  noteLog(directory, 'beef4567')
  expect(readFileSync(reader, 'utf8')).toBe('cafe0123\n')
  expect([lastLogOf(directory), readdirSync(directory)]).toEqual(['beef4567', ['log-id']])
  expect(statSync(join(directory, 'log-id')).mode & 0o777).toBe(0o600)
})

test('where it can’t be noted nothing is left behind', () => {
  const directory = makeDirectory()
  mkdirSync(join(directory, 'log-id'))
  noteLog(directory, 'cafe0123')
  expect([lastLogOf(directory), readdirSync(directory)]).toEqual([undefined, ['log-id']])
  noteLog(join(directory, 'missing'), 'cafe0123')
})
