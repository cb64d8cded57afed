import type { Entry, Position } from './entry.ts'

export interface Found {
  readonly value: Buffer
  readonly contentType: string | undefined
  /** Of the entry that set the value; undefined as long as that is not in the log. */
  readonly sequence: bigint | undefined
}

/** The latest value of each key: all entries up to the position, applied in order. Does no I/O. */
export interface View {
  readonly position: Position
  /** How many keys have a value. */
  readonly size: number
  get(key: string): Found | undefined
  /** Takes the log's next entry; throws, and changes nothing, on any other. */
  apply(entry: Entry): void
}

export class OutOfOrder extends Error {
  override readonly name = 'OutOfOrder'
}

/** @param gapsUpTo sequences up to here, adopted from the textbook service, may have gaps */
export function makeView(gapsUpTo = 0n): View {
  const values = new Map<string, Found>()
  let position: Position = { sequence: 0n, digest: Buffer.alloc(0) }

  function requireNext(sequence: bigint): void {
    if (sequence === position.sequence + 1n) return
    if (sequence > position.sequence && sequence <= gapsUpTo) return
    throw new OutOfOrder(`entry ${sequence} of the log came after entry ${position.sequence}`)
  }

  return {
    get position() {
      return position
    },
    get size() {
      return values.size
    },
    get: (key) => values.get(key),
    apply({ sequence, digest, superseded, write }) {
      requireNext(sequence)
      if (superseded) {
        // its place counts, its write does not
      } else if (write.kind === 'put') {
        values.set(write.key, { value: owned(write.value), contentType: write.contentType, sequence })
      } else {
        values.delete(write.key)
      }
      position = { sequence, digest }
    },
  }
}

/** A copy that shares memory with nothing else: a slice would keep the whole buffer it was cut from alive. */
function owned(bytes: Buffer): Buffer {
  if (bytes.length === bytes.buffer.byteLength) return bytes
  const copy = Buffer.allocUnsafeSlow(bytes.length)
  bytes.copy(copy)
  return copy
}
