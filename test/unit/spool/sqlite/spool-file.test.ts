import { join } from 'node:path'
import { expect, test } from 'vitest'
import { batchLimits } from '../../../../kvs/core/limits.ts'
import { openSpoolFile } from '../../../../kvs/spool/sqlite/spool-file.ts'
import { put } from '../../../support/entries.ts'
import { makeDirectory } from '../../../support/node.ts'

const position = { logId: 'cafe0123', sequence: 7n, digest: Buffer.from('12345678') }
const nothing = { removed: 0n, superseded: [], position }
const row = (number: bigint) => ({ number, write: put('k', String(number)) })

test('what a change that failed has left is not read, and leaves the file with the next change', () => {
  const file = openSpoolFile(join(makeDirectory(), 'spool.db'))
  const numbers = (through: bigint) =>
    file.read({ after: 0n, through, ...batchLimits }).map((spooled) => spooled.number)
  file.change({ ...nothing, last: 0n, added: [row(1n), row(2n)] })
  // On disk, though its flush was told to have failed: whoever asks knows of 2 and no more.
  file.change({ ...nothing, last: 2n, added: [row(3n), row(4n)] })
  expect(numbers(2n)).toEqual([1n, 2n])
  file.change({ ...nothing, last: 2n, added: [row(5n)] })
  expect(numbers(9n)).toEqual([1n, 2n, 5n])
  file.close()
})
