import { KvsError } from './errors.ts'

/** Arithmetic on the number that is a key's value. */
export interface Count {
  /** `add` adds `by`; `min` and `max` keep the smaller or the larger one of the value and `by`. */
  readonly kind: 'add' | 'min' | 'max'
  readonly key: string
  /** Within the bounds of a 64-bit signed integer, as all values of counters. */
  readonly by: bigint
}

const smallest = -(2n ** 63n)
const largest = 2n ** 63n - 1n
/** Digits and sign of the smallest one. */
const longestText = 20

/**
 * Reads a number as a counter has it: decimal, without leading zeros, from -2^63 through 2^63 - 1. Undefined for any
 * other text.
 */
export function parseInteger(text: string): bigint | undefined {
  if (text.length > longestText || !/^(0|-?[1-9]\d*)$/.test(text)) return undefined
  const number = BigInt(text)
  return number >= smallest && number <= largest ? number : undefined
}

/**
 * The number that a count makes of a value.
 * @param value undefined where the key has none: then a sum starts at 0, and `min` and `max` take `by`
 * @throws KvsError not_a_number, out_of_range
 */
export function countedFrom(value: Buffer | undefined, { kind, key, by }: Count): bigint {
  if (value === undefined) return by
  const number = value.length > longestText ? undefined : parseInteger(value.toString('latin1'))
  if (number === undefined) {
    throw new KvsError('not_a_number', `the value of ${JSON.stringify(key)} is no integer; nothing was stored`)
  }
  if (kind === 'min') return by < number ? by : number
  if (kind === 'max') return by > number ? by : number
  const sum = number + by
  if (sum >= smallest && sum <= largest) return sum
  throw new KvsError('out_of_range', `${number} + ${by} is out of the range of 64 bits; nothing was stored`)
}
