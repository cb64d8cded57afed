import { createHash } from 'node:crypto'
import type { SeededRandom } from '../../lab/seeded-random.ts'

export const smallestValue = 50
export const largestValue = 16 * 1024

/** Draws a size in bytes; most are small. */
export function randomSize(random: SeededRandom): number {
  return smallestValue + Math.floor(random.next() ** 4 * (largestValue - smallestValue))
}

/** Padding: all 256 bytes in order, over and over. */
const pattern = Buffer.from(Array.from({ length: largestValue + 256 }, (_, index) => index & 255))

/** Makes a value `checksum id padding`, so that a reader can tell whose it is and that its bytes are whole. */
export function makeValue(id: string, size: number): Buffer {
  const head = Buffer.from(`${id} `)
  const start = head.reduce((sum, byte) => sum + byte, 0) & 255
  const body = Buffer.concat([head, pattern.subarray(start, start + Math.max(0, size - head.length - 17))])
  return Buffer.concat([Buffer.from(`${checksum(body)} `), body])
}

/** Returns the id in a value; undefined if the bytes are not those of one. */
export function readValue(bytes: Buffer): string | undefined {
  const body = bytes.subarray(17)
  if (bytes.toString('latin1', 0, 17) !== `${checksum(body)} `) return undefined
  const end = body.indexOf(' ')
  return end > 0 ? body.toString('latin1', 0, end) : undefined
}

function checksum(body: Buffer): string {
  return createHash('sha256').update(body).digest('hex').slice(0, 16)
}
