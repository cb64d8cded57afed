import { expect, test } from 'vitest'
import { nowhere } from '../../../kvs/core/position.ts'
import type { Ring } from '../../../kvs/core/ring/description.ts'
import { allSlots, type SlotRanges } from '../../../kvs/core/ring/slot-ranges.ts'
import { ringStatusOf } from '../../../kvs/kv/ring-status.ts'

const self = 'a:1'
const ring: Ring = {
  ...{ id: 'cafe', version: 7, home: 'b:1', standbys: [] },
  positions: new Map([
    [2_999, self],
    [7_999, 'b:1'],
  ]),
  next: undefined,
}

const statusOf = (current: Ring | undefined, owns: SlotRanges) =>
  ringStatusOf({
    current: () => current,
    versionText: () => (current ? `${current.id}=${current.version}` : ''),
    state: () => ({ ring: current, self, owns, position: nowhere }),
  })

test('in no ring a node owns all slots, and there is neither a version nor a home', () => {
  expect(statusOf(undefined, allSlots)).toEqual({
    ...{ version: null, self, owns: '0-9999', home: null, positions: 0, change: null },
  })
})

test('in a ring it says what its log takes, whatever the version would give it', () => {
  const status = { version: 'cafe=7', self, home: 'b:1', positions: 2, change: null }
  const owned = [
    { from: 0, through: 2_999 },
    { from: 8_000, through: 9_999 },
  ]
  expect(statusOf(ring, owned)).toEqual({ ...status, owns: '0-2999,8000-9999' })
  expect(statusOf(ring, [])).toEqual({ ...status, owns: '' })
})

test('while a change is under way it says what the node is to own, and how many positions there are to be', () => {
  const next = new Map([...ring.positions, [9_999, 'c:1']])
  expect(statusOf({ ...ring, next }, [{ from: 0, through: 2_999 }])).toMatchObject({
    ...{ owns: '0-2999', positions: 2 },
    change: { owns: '0-2999', positions: 3 },
  })
  const without = new Map([[7_999, 'b:1']])
  expect(statusOf({ ...ring, next: without }, []).change).toEqual({ owns: '', positions: 1 })
})
