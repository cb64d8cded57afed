/** An item that may have to be tried in a smaller batch than the one that was refused. */
export interface Bisectable {
  /** A batch has items of one part only. Undefined unless the item was in a batch that the log has refused. */
  part: object | undefined
}

/**
 * Makes each half of a refused batch a part of its own. One guilty write among n costs about 2·log2(n) statements so,
 * and however many are guilty, 2n at the most.
 */
export function bisect(items: readonly Bisectable[]): void {
  const halves = [{}, {}]
  items.forEach((item, index) => {
    item.part = halves[index < items.length / 2 ? 0 : 1]
  })
}
