/** The deadlines of writes, the earliest first. One stays until it passes, also where its write goes before. */
export interface SpooledDeadlines {
  add(key: string, deadline: number): void
  /** Calls `visit` for the key of each deadline up to and with `now`, at most `most` of them, and forgets it. */
  lapse(now: number, most: number, visit: (key: string) => void): void
  clear(): void
}

interface Item {
  readonly key: string
  readonly deadline: number
}

/** A binary heap. */
export function makeSpooledDeadlines(): SpooledDeadlines {
  const heap: Item[] = []
  const deadlineAt = (index: number) => heap[index]?.deadline ?? Number.POSITIVE_INFINITY

  function swap(one: number, other: number): void {
    const [first, second] = [heap[one] as Item, heap[other] as Item]
    heap[one] = second
    heap[other] = first
  }

  function sink(): void {
    for (let at = 0; ; ) {
      const left = 2 * at + 1
      const child = deadlineAt(left + 1) < deadlineAt(left) ? left + 1 : left
      if (deadlineAt(child) >= deadlineAt(at)) return
      swap(at, child)
      at = child
    }
  }

  return {
    add(key, deadline) {
      heap.push({ key, deadline })
      for (let at = heap.length - 1; at > 0; ) {
        const parent = (at - 1) >> 1
        if (deadlineAt(parent) <= deadline) return
        swap(at, parent)
        at = parent
      }
    },
    lapse(now, most, visit) {
      for (let left = most; left > 0 && deadlineAt(0) <= now; left--) {
        const { key } = heap[0] as Item
        const last = heap.pop() as Item
        if (heap.length > 0) {
          heap[0] = last
          sink()
        }
        visit(key)
      }
    },
    clear() {
      heap.length = 0
    },
  }
}
