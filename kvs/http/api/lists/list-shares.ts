import { KvsError } from '../../../core/errors.ts'
import type { KeyListing, KeyQuery, Kv } from '../../../kv/index.ts'
import type { Request } from '../../exchange/index.ts'

/** Most lists and clears of one token that are open: half of those of a node, so that others have their lists too. */
export const maxListsOfCaller = 32

/**
 * Begins a list of keys, as `Kv.listKeys`.
 * @throws KvsError overloaded where its caller has too many; all that `Kv.listKeys` rejects with
 */
export type OpenListing = (request: Request, query: KeyQuery) => Promise<KeyListing>

export function makeListShares(store: Pick<Kv, 'listKeys'>): OpenListing {
  const openBy = new Map<string, number>()

  function add(name: string, more: 1 | -1): void {
    const count = (openBy.get(name) ?? 0) + more
    if (count > 0) openBy.set(name, count)
    else openBy.delete(name)
  }

  return async ({ caller }, query) => {
    if (caller === undefined) return store.listKeys(query)
    const { name } = caller
    if ((openBy.get(name) ?? 0) >= maxListsOfCaller) {
      throw new KvsError(
        'overloaded',
        `${maxListsOfCaller} lists of this token are open, and no more are allowed; nothing was done`,
      )
    }
    add(name, 1)
    const listing = await store.listKeys(query).catch((error) => {
      add(name, -1)
      throw error
    })
    return counted(listing, () => add(name, -1))
  }
}

function counted(listing: KeyListing, onClose: () => void): KeyListing {
  let isOpen = true
  return {
    position: listing.position,
    owns: listing.owns,
    take: (most) => listing.take(most),
    get hasMore() {
      return listing.hasMore
    },
    close() {
      listing.close()
      if (isOpen) onClose()
      isOpen = false
    },
  }
}
