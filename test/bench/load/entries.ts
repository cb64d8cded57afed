/** `key-0000012345`, as requests.lua draws them. */
export function keyFor(index: number): string {
  return `key-${String(index).padStart(10, '0')}`
}

const letters = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+-'
const pool = Array.from({ length: 128 * 1024 }, (_, index) => letters[scramble(index) % letters.length]).join('')

/** Text of this many bytes, at most 64 Ki; one index's is not another's. */
export function valueFor(index: number, bytes: number): string {
  const from = scramble(index) % (64 * 1024)
  return pool.slice(from, from + bytes)
}

/** Knuth's multiplicative hash. */
function scramble(index: number): number {
  return (Math.imul(index + 1, 2654435761) >>> 0) >>> 7
}
