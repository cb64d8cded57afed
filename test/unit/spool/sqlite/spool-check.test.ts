import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { mayHoldWrites } from '../../../../kvs/spool/sqlite/spool-check.ts'
import { put } from '../../../support/entries.ts'
import { makeDirectory } from '../../../support/node.ts'
import { leaveSlot } from '../../../support/slots.ts'

const seen = { logId: 'cafe0123', sequence: 7n, digest: Buffer.from('12345678') }

test.each<[string, boolean, (directory: string) => unknown]>([
  ['no directory', false, () => undefined],
  ['a directory without one', false, (directory) => mkdirSync(directory)],
  ['an empty one', false, (directory) => leaveSlot(directory, [], seen)],
  ['one with a write', true, (directory) => leaveSlot(directory, [put('a')], seen)],
  ['files of no bytes', false, (directory) => leaveFiles(directory, '', '')],
  ['a file of no bytes beside one with some', true, (directory) => leaveFiles(directory, '', 'some')],
  ['what is no spool', true, (directory) => leaveFiles(directory, 'no database at all', '')],
])('of %s it is told whether it may hold writes: %s', async (_, expected, leave) => {
  const directory = join(makeDirectory(), 'slot')
  await leave(directory)
  expect(mayHoldWrites(directory)).toBe(expected)
})

function leaveFiles(directory: string, main: string, wal: string): void {
  mkdirSync(directory)
  writeFileSync(join(directory, 'spool.db'), main)
  writeFileSync(join(directory, 'spool.db-wal'), wal)
}
