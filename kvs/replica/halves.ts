/**
 * Makes the two halves of a batch that the log has refused parts of their own. Tried so, one guilty write among n costs at
 * most about 2·log2(n) statements, and however many are guilty, at most 2n.
 */
export function inHalves(items: readonly { part: object | undefined }[]): void {
  const parts = [{}, {}]
  items.forEach((item, index) => {
    item.part = parts[index < items.length / 2 ? 0 : 1]
  })
}
