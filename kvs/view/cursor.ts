import type { LogPoint } from '../core/entry.ts'

export class OutOfOrder extends Error {
  override readonly name = 'OutOfOrder'
}

/**
 * Keeps the position of the last applied entry.
 * @param lastGap sequences up to here may have gaps
 */
export function makeCursor(lastGap: number) {
  const digest = Buffer.alloc(32)
  let digestLength = 0
  let sequence = 0
  /** The position as an object; undefined until it is asked for. */
  let point: LogPoint | undefined

  return {
    get point(): LogPoint {
      point ??= { sequence: BigInt(sequence), digest: Buffer.from(digest.subarray(0, digestLength)) }
      return point
    },

    /** @throws OutOfOrder */
    requireNext(next: number): void {
      if (next === sequence + 1) return
      if (next > sequence && next <= lastGap) return
      throw new OutOfOrder(`entry ${next} of the log came after entry ${sequence}`)
    },

    /** Copies the digest from `length` bytes at `start`. */
    advance(to: number, bytes: Buffer, start: number, length: number): void {
      sequence = to
      point = undefined
      digestLength = length
      for (let at = 0; at < length; at++) digest[at] = bytes[start + at] as number
    },
  }
}
