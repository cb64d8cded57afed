import { chmodSync, mkdirSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, onTestFinished, test, vi } from 'vitest'
import { makeSlotFiles, type Slot, SlotHeld, takeSlot } from '../../../kvs/slots/index.ts'
import { slotPath } from '../../../kvs/slots/slot-paths.ts'
import { put } from '../../support/entries.ts'
import { makeDirectory } from '../../support/node.ts'
import { leaveSlot } from '../../support/slots.ts'

const seen = { logId: 'cafe0123', sequence: 7n, digest: Buffer.from('12345678') }

function makeTaker(isShared = true) {
  const directory = makeDirectory()
  const warnings: string[] = []
  async function take(): Promise<Slot> {
    const slot = await takeSlot({
      slots: makeSlotFiles(directory),
      isShared,
      maxBytes: 1e9,
      warn: (message) => warnings.push(message),
    })
    let isOpen = true
    const close = async () => {
      if (isOpen) await slot.close()
      isOpen = false
    }
    onTestFinished(close)
    return { ...slot, close }
  }
  const path = (slot: number) => slotPath(directory, slot)
  const leave = (slot: number, ...keys: string[]) =>
    leaveSlot(
      path(slot),
      keys.map((key) => put(key)),
      seen,
    )
  /** Nobody can take the slot any more, whatever is in its spool. */
  function breakSlot(slot: number): void {
    rmSync(join(path(slot), 'node.db'))
    mkdirSync(join(path(slot), 'node.db'))
  }
  return { directory, warnings, take, path, leave, breakSlot }
}

test.each([
  ['a user', 1000, 0o700],
  ['root, whose Postgres is another user,', 0, 0o711],
])('%s makes a directory that others can’t list, and leaves one that is there as it is', async (_, uid, mode) => {
  vi.spyOn(process, 'getuid').mockReturnValue(uid)
  onTestFinished(() => void vi.restoreAllMocks())
  const directory = makeDirectory()
  chmodSync(directory, 0o755)
  for (const path of [join(directory, 'made'), directory]) {
    const slot = await takeSlot({ slots: makeSlotFiles(path), isShared: true, maxBytes: 1e9, warn: () => undefined })
    onTestFinished(() => slot.close())
  }
  expect(statSync(join(directory, 'made')).mode & 0o777).toBe(mode)
  expect(statSync(directory).mode & 0o777).toBe(0o755)
})

test('the first is the directory itself, the others are made in it as they are needed, and free ones taken again', async () => {
  const { directory, take, warnings } = makeTaker()
  const [first, second, third] = [await take(), await take(), await take()]
  expect([first, second, third].map((slot) => slot.path)).toEqual([
    directory,
    join(directory, 'slots', '2'),
    join(directory, 'slots', '3'),
  ])
  expect(new Set([first, second, third].map((slot) => slot.writerId)).size).toBe(3)
  await second.close()
  const again = await take()
  expect([again.number, again.writerId]).toEqual([2, second.writerId])
  await Promise.all([first, again, third].map((slot) => slot.close()))
  expect((await take()).number).toBe(1)
  expect(warnings).toEqual([])
})

test('those that start together get one each', async () => {
  const { take } = makeTaker()
  for (let round = 0; round < 5; round++) {
    const slots = await Promise.all(Array.from({ length: 6 }, take))
    expect(slots.map(({ number }) => number ?? 0).toSorted()).toEqual([1, 2, 3, 4, 5, 6])
    await Promise.all(slots.map((slot) => slot.close()))
  }
})

test('one whose spool has writes is taken before those that were there earlier', async () => {
  const { take, leave } = makeTaker()
  await leave(1)
  await leave(2)
  await leave(10, 'a')
  await leave(3, 'a', 'b')
  const slots = [await take(), await take(), await take(), await take(), await take()]
  expect(slots.map(({ number, spool }) => [number, spool?.writes])).toEqual([
    [3, 2],
    [10, 1],
    [1, 0],
    [2, 0],
    [4, 0],
  ])
})

test('unshared, the first is the only one, and refused while it is held', async () => {
  const { take, leave } = makeTaker(false)
  await leave(2, 'a')
  expect((await take()).number).toBe(1)
  await expect(take()).rejects.toThrow(SlotHeld)
  await expect(take()).rejects.toThrow(/another node runs on .*; give this one a KVS_DATA_DIR of its own/)
})

test('one that can’t be used and may hold writes is named and passed over, where there is another', async () => {
  const { take, leave, breakSlot, path, warnings } = makeTaker()
  await leave(1)
  await leave(2, 'a')
  breakSlot(2)
  expect((await take()).number).toBe(1)
  expect(warnings).toEqual([
    expect.stringMatching(`a slot is passed over: the directory ${path(2)} can’t be used .*nowhere else`),
  ])
  expect((await take()).number).toBe(3)
  expect(warnings).toHaveLength(2)
})

test('where it is all there is, it ends the start', async () => {
  const { take, leave, breakSlot } = makeTaker()
  await leave(1, 'a')
  breakSlot(1)
  await expect(take()).rejects.toThrow(/can’t be used .*it may hold writes that are nowhere else, so make it usable/)
  await leave(2, 'a')
  breakSlot(2)
  await expect(take()).rejects.toThrow(/can’t be used .*it may hold writes/)
})

test('a node does without one where what can’t be used holds nothing', async () => {
  const { take, leave, breakSlot, warnings } = makeTaker()
  await leave(1)
  breakSlot(1)
  const slot = await take()
  expect([slot.number, slot.spool, slot.obstacle]).toEqual([
    undefined,
    undefined,
    expect.stringMatching(/can’t be used .*set KVS_DATA_DIR to another/),
  ])
  expect(warnings).toEqual([])
})

test('nor does it end beside others that hold the rest, if no new one can be made', async () => {
  const { take, directory } = makeTaker()
  await take()
  writeFileSync(join(directory, 'slots'), '')
  const slot = await take()
  expect([slot.number, slot.obstacle]).toEqual([undefined, expect.stringMatching(/slots\/2 can’t be used/)])
})

test('a spool that can’t be read is passed over like any other slot that can’t be used', async () => {
  const { take, leave, path, warnings } = makeTaker()
  await leave(1)
  await leave(2, 'a')
  writeFileSync(join(path(2), 'spool.db'), 'no database at all')
  const slot = await take()
  expect([slot.number, warnings]).toEqual([1, [expect.stringMatching(/slots\/2\/spool.db can’t be read/)]])
  await slot.close()
  rmSync(join(path(2), 'spool.db'))
  expect((await take()).number).toBe(1)
  expect(readdirSync(join(path(1), 'slots'))).toEqual(['2'])
})

test('names that are no slots are left alone', async () => {
  const { take, path } = makeTaker()
  for (const name of ['1', '02', 'lost+found', '2.bak']) mkdirSync(join(path(1), 'slots', name), { recursive: true })
  expect([(await take()).number, (await take()).number]).toEqual([1, 2])
})
