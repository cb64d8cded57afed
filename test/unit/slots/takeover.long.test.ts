import { expect, test } from 'vitest'
import { put, remove } from '../../support/entries.ts'
import { countSpooled } from '../../support/slots.ts'
import { logOf, makeShared, positionOf, run, says } from './orphaned-slots.ts'

test('what is in a slot that nobody holds reaches the log, once, in its order, and the slot is free again', async () => {
  const shared = await makeShared()
  await shared.session.append([put('a', '0')])
  await shared.leave(2, [put('a', '1'), put('b', '1'), remove('a'), put('a', '2')], positionOf(shared.session))
  await shared.leave(3, [], positionOf(shared.session))
  await shared.leave(4, [put('c', '1')], positionOf(shared.session))
  const { lines, stop } = run(shared)
  await says(lines, /^took over the spool of a node that is gone \(slot 2\): 4 writes are in the log now$/)
  await says(lines, /^took over the spool of a node that is gone \(slot 4\): 1 writes are in the log now$/)
  await stop()
  expect(lines).toHaveLength(2)
  expect(await logOf(shared.database)).toEqual([
    ['a', '0', false],
    ['a', '1', false],
    ['b', '1', false],
    ['a', null, false],
    ['a', '2', false],
    ['c', '1', false],
  ])
  for (const slot of [2, 3, 4]) expect(await countSpooled(shared.path(slot))).toBe(0)
})
