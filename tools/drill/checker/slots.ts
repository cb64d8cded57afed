/** Places of which each can be taken once. */
export interface Slots {
  /** Takes the first free place after this one; undefined where there is none. */
  takeAfter(place: number): number | undefined
  /** 0 as long as none is taken. */
  newestTaken(): number
}

/**
 * Which places are taken after some calls does not depend on their order, as with linear probing. Near-constant time a
 * call once the first place is found, by union-find with path halving.
 *
 * @param places ascending
 */
export function makeSlots(places: readonly number[]): Slots {
  // The first slot from this one on that may be free.
  const free = Array.from({ length: places.length + 1 }, (_, index) => index)
  const freeAt = (slot: number) => free[slot] ?? slot
  let newest = 0

  function findFree(slot: number): number {
    let at = slot
    while (freeAt(at) !== at) {
      free[at] = freeAt(freeAt(at))
      at = freeAt(at)
    }
    return at
  }

  return {
    takeAfter(place) {
      const slot = findFree(firstAfter(places, place))
      const taken = places[slot]
      if (taken === undefined) return undefined
      free[slot] = slot + 1
      newest = Math.max(newest, taken)
      return taken
    },
    newestTaken: () => newest,
  }
}

/** The index of the first that is greater, by halving; the length where none is. */
export function firstAfter(ascending: readonly number[], value: number): number {
  let low = 0
  let high = ascending.length
  while (low < high) {
    const middle = (low + high) >> 1
    if ((ascending[middle] ?? value) > value) high = middle
    else low = middle + 1
  }
  return low
}
