/** Something that waits for other logs to have the entry at a sequence. */
export interface Waiting {
  readonly sequence: bigint
  /** Set once it waits no more. */
  isOver: boolean
}

/** What waits, in the order of its sequences. What is over is skipped, and dropped now and then. */
export interface SequenceQueue<Item extends Waiting> {
  add(item: Item): void
  /** Call it when an item that was not taken is over. */
  noteOver(): void
  /** The highest sequence that is waited for; undefined where nothing waits. */
  highest(): bigint | undefined
  /** Removes and returns what waits for this sequence or a lower one. */
  takeThrough(sequence: bigint): Item[]
  takeAll(): Item[]
}

/** How many items that are over are kept before they are dropped, beside as many as wait. */
const mostOver = 64

export function makeSequenceQueue<Item extends Waiting>(): SequenceQueue<Item> {
  let items: Item[] = []
  let over = 0

  function take(count: number): Item[] {
    const taken = items.splice(0, count).filter(({ isOver }) => !isOver)
    over -= count - taken.length
    return taken
  }

  return {
    add(item) {
      const last = items.at(-1)
      // Writes are committed in order. Only the repetition of a request asks for an old entry.
      if (last === undefined || last.sequence <= item.sequence) items.push(item)
      else items.splice(indexAfter(items, item.sequence), 0, item)
    },
    noteOver() {
      over++
      if (over <= mostOver + items.length / 2) return
      items = items.filter(({ isOver }) => !isOver)
      over = 0
    },
    highest() {
      for (let last = items.at(-1); last !== undefined; last = items.at(-1)) {
        if (!last.isOver) return last.sequence
        items.pop()
        over--
      }
      return undefined
    },
    takeThrough: (sequence) => take(indexAfter(items, sequence)),
    takeAll: () => take(items.length),
  }
}

/** Index of the first item with a higher sequence. */
function indexAfter(items: readonly Waiting[], sequence: bigint): number {
  let [low, high] = [0, items.length]
  while (low < high) {
    const middle = (low + high) >>> 1
    if ((items[middle] as Waiting).sequence <= sequence) low = middle + 1
    else high = middle
  }
  return low
}
