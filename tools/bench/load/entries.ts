import { makeSeededRandom } from '../../lab/seeded-random.ts'

/** Makes a key such as `key-0000012345`, as requests.lua draws them. */
export function keyFor(index: number): string {
  return `key-${String(index).padStart(10, '0')}`
}

const letters = [...'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+-']
const random = makeSeededRandom(1, 'values')
/** Text without repetitions, which would be compressed where values are stored. */
const pool = Array.from({ length: 128 * 1024 }, () => random.pick(letters)).join('')

/** Makes a value of this many bytes, at most 64 Ki, which differs from index to index. */
export function valueFor(index: number, bytes: number): string {
  // Knuth's multiplicative hash
  const from = (Math.imul(index + 1, 2654435761) >>> 0) % (64 * 1024)
  return pool.slice(from, from + bytes)
}
