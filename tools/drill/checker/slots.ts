/** Slots, each of which can be taken once. */
export interface Slots {
  /** Takes the first free slot after a place; undefined if there is none. */
  takeAfter(place: number): number | undefined
  /** Highest place that is taken; 0 while none is. */
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

/** Binary search for the index of the first greater number; the length if there is none. */
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
