import { expect, test } from 'vitest'
import { rangesInText, type SlotRanges } from '../../../../kvs/core/ring/slot-ranges.ts'
import type { Kv } from '../../../../kvs/kv/index.ts'
import { makeOrderedKeys } from '../../../../kvs/order/index.ts'
import { type Lists, makeLists } from '../../../../kvs/replica/lists/lists.ts'
import { makeFencedLog, makeGuard } from '../fenced-log.ts'
import { startReplica } from '../scripted-log.ts'

const ranges = [{ from: Buffer.of(), to: undefined }]
const [some, others] = ['0-4999', '5000-9999'].map((text) => rangesInText(text) as SlotRanges)

/** The slots that a list, a page and a count each tell. */
async function toldBy(store: Pick<Kv, keyof Lists>) {
  const listing = await store.listKeys({ ranges, limit: undefined, delimiter: undefined })
  listing.close()
  const page = await store.listValues({ ranges, limit: 10, maxBytes: 1_000 })
  return [listing, page, await store.countKeys(ranges)].map(({ owns }) => owns)
}

test('the slots told are those of the step in which the keys are read', async () => {
  let owned = others
  const lists = makeLists({
    shown: { get: () => undefined },
    shownKeys: {
      async withKeys(_, use) {
        owned = some
        const result = use(makeOrderedKeys())
        owned = others
        return result
      },
    },
    position: () => 'log=1',
    owns: () => owned,
    requireReadable: () => undefined,
  })
  expect(await toldBy(lists)).toEqual([some, some, some])
})

test('they are those that the log owns, and none where it can be in no ring', async () => {
  const ring = { ...makeGuard(), isCopy: () => false, state: () => ({ owns: some ?? [] }) }
  const member = await startReplica(makeFencedLog(), undefined, { ring })
  expect(await toldBy(member)).toEqual([some, some, some])
  const single = await startReplica(makeFencedLog(), undefined, {})
  expect(await toldBy(single)).toEqual([undefined, undefined, undefined])
})
