import { expect, test } from 'vitest'
import type { RingEntry } from '../../../kvs/core/ring/description.ts'
import { slotOf } from '../../../kvs/core/ring/key-slot.ts'
import { formatRingEntry } from '../../../kvs/core/ring/ring-text.ts'
import { makePostgresRingLog } from '../../../kvs/log/postgres/index.ts'
import { put } from '../../support/entries.ts'
import { until } from '../../support/until.ts'
import { logOf, makeShared, positionOf, run, says } from './orphaned-slots.ts'

const given = slotOf('given')
const entry: RingEntry = {
  ring: {
    ...{ id: 'beef', version: 1, home: 'a:1', next: undefined, standbys: [] },
    positions: new Map([
      [given, 'b:1'],
      [given - 1, 'a:1'],
    ]),
  },
  self: 'a:1',
  owns: [
    { from: 0, through: given - 1 },
    { from: given + 1, through: 9_999 },
  ],
}

test('what a dead node had in its spool of a key that its log has given away is passed on, in place of landing', async () => {
  const shared = await makeShared()
  const { database, session, logId, leave } = shared
  await session.append([put('kept', 'before')])
  const writerId = await leave(2, [put('given', '1'), put('kept', 'mine'), put('given', '2')], positionOf(session))
  const { target } = database
  const ringLog = makePostgresRingLog({
    ...{ target, logId: () => logId, timeoutMs: 5_000, appendTimeoutMs: 5_000 },
    warn: () => undefined,
  })
  await ringLog.append(formatRingEntry(entry), session.committed.end.sequence, [])
  const passed: string[] = []
  let isAway = true
  const { lines } = run(shared, {
    async passOn(writer, { number, write }) {
      if (isAway) throw new Error('b:1 is away')
      passed.push(`${writer} ${number} ${write.key}`)
    },
  })
  await says(lines, /slot 2\): not brought to the log yet: b:1 is away/)
  expect((await logOf(database)).length).toBe(2)
  isAway = false
  await says(lines, /slot 2\): 3 writes are in the log now/)
  expect(passed).toEqual([`${writerId} 3 given`])
  await until('they are in the log', async () => (await logOf(database)).length === 5)
  expect((await logOf(database)).slice(2)).toEqual([
    ['given', '1', true],
    ['kept', 'mine', false],
    ['given', '2', true],
  ])
})
