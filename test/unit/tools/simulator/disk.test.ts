import { expect, test } from 'vitest'
import type { LogPosition, SpoolChange } from '../../../../kvs/spool/index.ts'
import { makeSeededRandom } from '../../../../tools/lab/seeded-random.ts'
import { makeDisk } from '../../../../tools/simulator/disk.ts'
import { makeScheduler } from '../../../../tools/simulator/scheduler.ts'

const position: LogPosition = { logId: 'log', sequence: 1n, digest: Buffer.alloc(8) }
const all = { after: 0n, through: 100n, writes: 100, bytes: 1e6 }

function changeTo(...numbers: bigint[]): SpoolChange {
  const added = numbers.map((number) => ({ number, write: { kind: 'delete', key: `key ${number}` } as const }))
  return { removed: 0n, last: 0n, added, superseded: [], position }
}

function setUp(seed = 1) {
  const scheduler = makeScheduler()
  const disk = makeDisk({ name: 'disk', writerId: 'writer', flushMs: 10, random: makeSeededRandom(seed, 'disk') })
  async function settle<T>(promise: Promise<T>): Promise<PromiseSettledResult<T>[]> {
    const settled = Promise.allSettled([promise])
    await scheduler.run(() => false, Number.POSITIVE_INFINITY)
    return settled
  }
  return { scheduler, disk, settle }
}

test('what is flushed is there for the next process', async () => {
  const { scheduler, disk, settle } = setUp()
  const first = scheduler.lane()
  await settle(disk.lock(first).spoolStorage.change(changeTo(1n, 2n)))
  first.end()
  const [read] = await settle(disk.lock(scheduler.lane()).spoolStorage.read(all))
  expect(read).toMatchObject({ value: [{ number: 1n }, { number: 2n }] })
})

test('a change that a kill cuts off is there as a whole or not at all, and both happen', async () => {
  const found = new Set<number>()
  for (let seed = 0; seed < 30; seed++) {
    const { scheduler, disk } = setUp(seed)
    const process = scheduler.lane()
    let isTold = false
    void disk
      .lock(process)
      .spoolStorage.change(changeTo(1n, 2n))
      .then(() => (isTold = true))
    scheduler.lane().after(5, () => process.end())
    await scheduler.run(() => false, 100)
    if (!isTold) found.add(disk.writes)
  }
  expect([...found].toSorted()).toEqual([0, 2])
})

test('a full disk has nothing of a change', async () => {
  const { scheduler, disk, settle } = setUp()
  const { spoolStorage } = disk.lock(scheduler.lane())
  disk.faults.add('disk full')
  expect(await settle(spoolStorage.change(changeTo(1n)))).toMatchObject([{ reason: { reason: 'full' } }])
  expect(disk.writes).toBe(0)
})

test('a failing disk may have a change', async () => {
  const found = new Set<number>()
  for (let seed = 0; seed < 30; seed++) {
    const { scheduler, disk, settle } = setUp(seed)
    disk.faults.add('disk fails')
    const change = disk.lock(scheduler.lane()).spoolStorage.change(changeTo(1n))
    expect(await settle(change)).toMatchObject([{ reason: { reason: 'failed' } }])
    found.add(disk.writes)
  }
  expect([...found].toSorted()).toEqual([0, 1])
})

test('one process has the slot at a time', () => {
  const { scheduler, disk } = setUp()
  const first = scheduler.lane()
  const lock = disk.lock(first)
  expect(() => disk.lock(scheduler.lane())).toThrow('another node runs on disk')
  lock.release()
  const second = scheduler.lane()
  disk.lock(second)
  second.end()
  disk.lock(scheduler.lane())
})
