import type { Found } from '../../../kvs/core/entry.ts'
import { KvsError } from '../../../kvs/core/errors.ts'
import type { KeyRange } from '../../../kvs/core/key-range.ts'
import { slotOf } from '../../../kvs/core/ring/key-slot.ts'
import { hasSlot, type SlotRanges } from '../../../kvs/core/ring/slot-ranges.ts'
import type { KeyListing, KeyQuery, Kv, ShownState } from '../../../kvs/kv/index.ts'

interface FakeListsOptions {
  readonly keys: () => Iterable<string>
  readonly get: (key: string) => Found | undefined
  readonly position: () => string
}

/** The lists of a store without a log: each sorts all of the keys. */
export function makeFakeLists({ keys, get, position }: FakeListsOptions) {
  const lists = {
    /** Listings that are not closed. */
    open: 0,
    maxOpen: 64,
    listings: [] as KeyQuery[],
    /** How many keys a listing has given when `take` throws, as by a defect. */
    defectAt: Infinity,
    /** The slots whose keys are shown; undefined shows all. */
    owns: undefined as SlotRanges | undefined,
    listKeys,
    listValues,
    countKeys: async (ranges: readonly KeyRange[]) => ({ count: keysWithin(ranges).length, ...state() }),
  } satisfies Pick<Kv, 'listKeys' | 'listValues' | 'countKeys'> & Record<string, unknown>

  const state = (): ShownState => ({ position: position(), owns: lists.owns })

  function keysWithin(ranges: readonly KeyRange[]): Buffer[] {
    const { owns } = lists
    const owned = Array.from(keys()).filter((key) => owns === undefined || hasSlot(owns, slotOf(key)))
    const sorted = owned.map((key) => Buffer.from(key)).toSorted(Buffer.compare)
    return sorted.filter((key) =>
      ranges.some(({ from, to }) => Buffer.compare(from, key) <= 0 && (!to || Buffer.compare(key, to) < 0)),
    )
  }

  async function listKeys(query: KeyQuery): Promise<KeyListing> {
    lists.listings.push(query)
    if (lists.open >= lists.maxOpen) throw new KvsError('overloaded')
    lists.open++
    const { ranges, limit = Infinity, delimiter } = query
    const names = keysWithin(ranges).map((key) => {
      const at = delimiter === undefined ? -1 : key.indexOf(delimiter.text, delimiter.after)
      return at < 0 ? key : key.subarray(0, at + (delimiter?.text.length ?? 0))
    })
    const shown = names.filter((name, index) => index === 0 || !name.equals(names[index - 1] as Buffer))
    let [at, isClosed, last] = [0, false, [] as Buffer[]]
    return {
      ...state(),
      take(most) {
        if (isClosed) throw new Error('the listing is closed')
        if (at >= lists.defectAt) throw new Error('a defect')
        // What was taken before is no more to be relied on.
        for (const key of last) key.fill('?')
        last = shown.slice(at, Math.min(at + most, limit)).map((name) => Buffer.from(name))
        at += last.length
        return last
      },
      get hasMore() {
        return shown.length > limit
      },
      close() {
        if (!isClosed) lists.open--
        isClosed = true
      },
    }
  }

  async function listValues({ ranges, limit, maxBytes }: Parameters<Kv['listValues']>[0]) {
    const all = keysWithin(ranges).map((key) => ({ key: key.toString(), found: get(key.toString()) as Found }))
    let bytes = 0
    const end = all.findIndex(({ found }, index) => {
      bytes += found.value.length
      return index >= limit || (index > 0 && bytes > maxBytes)
    })
    return { ...state(), items: end < 0 ? all : all.slice(0, end), last: all[end - 1]?.key }
  }

  return lists
}
