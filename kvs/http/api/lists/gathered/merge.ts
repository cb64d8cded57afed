import { type ListForm, maxChunkBytes, maxChunkItems } from '../list-text.ts'
import type { Item, PartItems } from './part-items.ts'

/** The items of several parts in the byte order of their keys' UTF-8. A key that several of them have is there once. */
export class Merge {
  private readonly parts: readonly PartItems[]
  private least: Item | undefined = undefined

  constructor(parts: readonly PartItems[]) {
    this.parts = parts
  }

  /** The item that is next; undefined at the end, and before `begin`. */
  get item(): Item | undefined {
    return this.least
  }

  /** Reads the first item of each part. Rejects as `PartItems.advance`. */
  async begin(): Promise<void> {
    await Promise.all(this.parts.map((part) => part.advance()))
    this.find()
  }

  /** Goes on to the next item, by a promise where a part has to be read on. Rejects as `PartItems.advance`. */
  advance(): Promise<void> | undefined {
    const { least, parts } = this
    if (least === undefined) return undefined
    let reading: Promise<void>[] | undefined
    for (const part of parts) {
      if (part.item === undefined || !part.item.key.equals(least.key)) continue
      const more = part.advance()
      if (more === undefined) continue
      reading ??= []
      reading.push(more)
    }
    if (reading !== undefined) return Promise.all(reading).then(() => this.find())
    this.find()
    return undefined
  }

  private find(): void {
    this.least = undefined
    for (const { item } of this.parts) {
      if (item === undefined) continue
      if (this.least === undefined || Buffer.compare(item.key, this.least.key) < 0) this.least = item
    }
  }
}

/**
 * Makes the text of a list of all items, each chunk when it is asked for: of `maxChunkBytes` and `maxChunkItems`, or a
 * little more. None of them is empty. Rejects as `Merge.begin` and `advance`.
 */
export async function* mergedChunks(merge: Merge, form: ListForm): AsyncGenerator<Buffer, undefined> {
  const [begin, separator] = [Buffer.from(form.begin), Buffer.from(form.separator)]
  const [terminator, end] = [Buffer.from(form.terminator), Buffer.from(form.end)]
  await merge.begin()
  let pieces: Buffer[] = [begin]
  let bytes = begin.length
  let count = 0
  let isFirst = true
  for (let { item } = merge; item !== undefined; item = merge.item) {
    if (bytes > 0 && (bytes + item.line.length > maxChunkBytes || count === maxChunkItems)) {
      yield Buffer.concat(pieces)
      ;[pieces, bytes, count] = [[], 0, 0]
    }
    pieces.push(isFirst ? noBytes : separator, item.line, terminator)
    bytes += item.line.length + separator.length + terminator.length
    count++
    isFirst = false
    const more = merge.advance()
    if (more !== undefined) await more
  }
  const last = Buffer.concat([...pieces, end])
  if (last.length > 0) yield last
}

const noBytes = Buffer.alloc(0)
