import { KvsError } from '../../core/errors.ts'
import type { KeyListing, Kv, ShownState, ValuePage } from '../../kv/index.ts'
import type { KeySnapshot, KeyWalk } from '../../order/index.ts'
import type { Shown } from '../shown.ts'
import type { ShownKeys } from './shown-keys.ts'

/** The part of the store on lists. */
export type Lists = Pick<Kv, 'listKeys' | 'listValues' | 'countKeys'>

export interface ListsParts {
  readonly shown: Pick<Shown, 'get'>
  readonly shownKeys: Pick<ShownKeys, 'withKeys'>
  /** As `Kv.position`, for a client that has read all keys. */
  readonly position: () => string
  /** The slots whose keys the log takes; undefined where it can be in no ring. */
  readonly owns: () => ShownState['owns']
  /** Throws `not_ready` where nothing may be read. */
  readonly requireReadable: () => void
}

/** Most lists that are open, or wait for what they need. Each may keep the memory of keys as they were. */
export const maxOpenLists = 64
/** Most values of a page. They are read in one step, so that the page is of one moment: in 1 ms. */
export const maxPageValues = 1_000

export function makeLists({ shown, shownKeys, position, owns, requireReadable }: ListsParts): Lists {
  let open = 0

  /** Call it in the step in which the keys are read: a step later, slots may have changed hands. */
  const shownState = (): ShownState => ({ position: position(), owns: owns() })

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
          const snapshot = keys.snapshot()
          return makeListing(shownState(), snapshot, snapshot.walk(query), end)
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
          const snapshot = keys.snapshot()
          try {
            const walk = snapshot.walk({ ranges, limit, delimiter: undefined })
            return { ...shownState(), ...readValues(walk, maxBytes, shown) }
          } finally {
            snapshot.close()
          }
        }),
      )
    },

    countKeys: (ranges) =>
      listOnce(() =>
        shownKeys.withKeys({ ranges, count: undefined }, (keys) => ({
          count: keys.count(ranges),
          ...shownState(),
        })),
      ),
  }
}

function makeListing(state: ShownState, snapshot: KeySnapshot, walk: KeyWalk, end: () => void): KeyListing {
  return {
    ...state,
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

/** Reads values until the next one would be too much. */
function readValues(walk: KeyWalk, maxBytes: number, shown: Pick<Shown, 'get'>): Omit<ValuePage, keyof ShownState> {
  const items: ValuePage['items'][number][] = []
  let bytes = 0
  let last: string | undefined
  for (let [encoded] = walk.take(1); encoded !== undefined; [encoded] = walk.take(1)) {
    const key = encoded.toString()
    const found = shown.get(key)
    bytes += found?.value.length ?? 0
    if (items.length > 0 && bytes > maxBytes) return { items, last }
    // What readers see is for `get` to say: a deadline may have passed just now.
    if (found !== undefined) items.push({ key, found })
    last = key
  }
  return { items, last: walk.hasMore ? last : undefined }
}
