import { KvsError } from '../../core/errors.ts'
import type { KeyListing, Kv, ValuePage } from '../../kv/index.ts'
import type { KeySnapshot, KeyWalk } from '../../order/index.ts'
import type { Shown } from '../shown.ts'
import type { ShownKeys } from './shown-keys.ts'

/** The part of the store on lists. */
export type Lists = Pick<Kv, 'listKeys' | 'listValues' | 'countKeys'>

export interface ListsParts {
  readonly shown: Pick<Shown, 'get'>
  readonly shownKeys: Pick<ShownKeys, 'withKeys'>
  /** As `Kv.position`. */
  readonly position: () => string
  /** Throws `not_ready` where nothing may be read. */
  readonly requireReadable: () => void
  /** As `Expiry.lapse`: called in the step in which a list sees its keys. */
  readonly lapse: () => void
}

/** Most lists that are open, or wait for what they need. Each may keep the memory of keys as they were. */
export const maxOpenLists = 64
/** Most values of a page. They are read in one step, so that the page is of one moment: in 1 ms. */
export const maxPageValues = 1_000

export function makeLists({ shown, shownKeys, position, requireReadable, lapse }: ListsParts): Lists {
  let open = 0

  /** Returns what ends the list; calls of it after the first do nothing. */
  function begin(): () => void {
    requireReadable()
    if (open >= maxOpenLists) {
      throw new KvsError('overloaded', `${maxOpenLists} lists are open, and no more are allowed; nothing was done`)
    }
    open++
    let isOver = false
    return () => {
      if (!isOver) open--
      isOver = true
    }
  }

  /** A list that is over with the call. */
  async function listOnce<Result>(list: () => Promise<Result>): Promise<Result> {
    const end = begin()
    try {
      return await list()
    } finally {
      end()
    }
  }

  return {
    async listKeys(query) {
      const { ranges, limit, delimiter } = query
      const end = begin()
      // A subtree counts as one key, and may have any number of them.
      const count = limit === undefined || delimiter !== undefined ? undefined : limit + 1
      try {
        return await shownKeys.withKeys({ ranges, count }, (keys) => {
          lapse()
          const snapshot = keys.snapshot()
          return makeListing(position(), snapshot, snapshot.walk(query), end)
        })
      } catch (error) {
        end()
        throw error
      }
    },

    listValues: ({ ranges, limit: asked, maxBytes }) => {
      const limit = Math.min(asked, maxPageValues)
      return listOnce(() =>
        shownKeys.withKeys({ ranges, count: limit + 1 }, (keys) => {
          lapse()
          const snapshot = keys.snapshot()
          const walk = snapshot.walk({ ranges, limit, delimiter: undefined })
          const page = { position: position(), ...readValues(walk, maxBytes, shown) }
          snapshot.close()
          return page
        }),
      )
    },

    countKeys: (ranges) =>
      listOnce(() =>
        shownKeys.withKeys({ ranges, count: undefined }, (keys) => {
          lapse()
          return { count: keys.count(ranges), position: position() }
        }),
      ),
  }
}

function makeListing(position: string, snapshot: KeySnapshot, walk: KeyWalk, end: () => void): KeyListing {
  return {
    position,
    take: (most) => walk.take(most),
    get hasMore() {
      return walk.hasMore
    },
    close() {
      snapshot.close()
      end()
    },
  }
}

/** Reads values until the next one would be too much; one at least. */
function readValues(walk: KeyWalk, maxBytes: number, shown: Pick<Shown, 'get'>): Omit<ValuePage, 'position'> {
  const items: ValuePage['items'][number][] = []
  let bytes = 0
  for (let [encoded] = walk.take(1); encoded !== undefined; [encoded] = walk.take(1)) {
    const key = encoded.toString()
    const found = shown.get(key)
    if (found === undefined) continue // what readers see is for `get` to say
    bytes += found.value.length
    if (items.length > 0 && bytes > maxBytes) return { items, hasMore: true }
    items.push({ key, found })
  }
  return { items, hasMore: walk.hasMore }
}
