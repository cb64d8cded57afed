import { brokeOff, strangeAnswer } from './part-failure.ts'

const lineFeed = 0x0a
const backslash = 0x5c
const quote = 0x22

/** No item is longer, in bytes: a value of 1 MiB in which each byte is escaped, with all that is told of it. */
export const maxLineBytes = 8 * 1024 * 1024

/** An item of a list: a line of the member that has it. */
export interface Item {
  /** Key or name, in UTF-8. */
  readonly key: Buffer
  /** Its JSON, without the line's end. */
  readonly line: Buffer
  /** Size of its value in bytes; 0 where a list shows none. */
  readonly size: number
}

interface PartItemsOptions {
  readonly address: string
  readonly chunks: AsyncIterator<Buffer>
  readonly shows: 'keys' | 'values'
  /** Called with the bytes of each chunk that is taken. */
  readonly onBytes?: ((bytes: number) => void) | undefined
}

/**
 * The items of a member's part, one at a time. It reads no further than the chunk that the item's line ends in, so that
 * the member waits where nobody asks for more.
 */
export class PartItems {
  /** Undefined before the first `advance`, and after the last item. */
  item: Item | undefined = undefined
  private readonly options: PartItemsOptions
  private read: Buffer = Buffer.alloc(0)
  private at = 0

  constructor(options: PartItemsOptions) {
    this.options = options
  }

  /**
   * Goes on to the next item: at once where its line is read already, or by a promise. Rejects with
   * `cannot_forward` where the answer breaks off, or is none that a member gives. Never throws.
   */
  advance(): Promise<void> | undefined {
    const end = this.read.indexOf(lineFeed, this.at)
    if (end < 0) return this.readOn()
    try {
      this.take(end)
      return undefined
    } catch (error) {
      return Promise.reject(error)
    }
  }

  private async readOn(): Promise<void> {
    const pieces = [this.read.subarray(this.at)]
    let bytes = this.read.length - this.at
    for (;;) {
      const chunk = await this.nextChunk()
      if (chunk === undefined) {
        if (bytes > 0) throw brokeOff(this.options.address)
        this.item = undefined
        return
      }
      pieces.push(chunk)
      const end = chunk.indexOf(lineFeed)
      if (bytes + (end < 0 ? chunk.length : end) > maxLineBytes) throw this.strange('a line is too long')
      if (end < 0) {
        bytes += chunk.length
        continue
      }
      this.read = bytes === 0 ? chunk : Buffer.concat(pieces)
      this.at = 0
      this.take(bytes + end)
      return
    }
  }

  private async nextChunk(): Promise<Buffer | undefined> {
    const { chunks, address, onBytes } = this.options
    const next = await chunks.next().catch((error: unknown) => {
      throw brokeOff(address, error)
    })
    if (next.done === true) return undefined
    onBytes?.(next.value.length)
    return next.value
  }

  private take(end: number): void {
    const line = this.read.subarray(this.at, end)
    this.at = end + 1
    const item = this.options.shows === 'keys' ? this.nameIn(line) : this.valueIn(line)
    if (this.item !== undefined && Buffer.compare(this.item.key, item.key) >= 0) {
      throw this.strange('its keys are not in order')
    }
    this.item = item
  }

  private nameIn(line: Buffer): Item {
    if (line.length < 2 || line[0] !== quote || line.at(-1) !== quote) throw this.strange('a line is no key')
    if (!line.includes(backslash)) return { key: line.subarray(1, -1), line, size: 0 }
    const name = this.parsed(line)
    if (typeof name !== 'string') throw this.strange('a line is no key')
    return { key: Buffer.from(name), line, size: 0 }
  }

  private valueIn(line: Buffer): Item {
    const value = this.parsed(line)
    if (!isListedValue(value)) throw this.strange('a line is no key with its value')
    return { key: Buffer.from(value.key), line, size: value.size }
  }

  private parsed(line: Buffer): unknown {
    try {
      return JSON.parse(line.toString())
    } catch {
      throw this.strange('a line is no JSON')
    }
  }

  private strange(what: string) {
    return strangeAnswer(this.options.address, what)
  }
}

function isListedValue(value: unknown): value is { key: string; size: number } {
  if (typeof value !== 'object' || value === null || !('key' in value) || !('size' in value)) return false
  return typeof value.key === 'string' && Number.isSafeInteger(value.size)
}
