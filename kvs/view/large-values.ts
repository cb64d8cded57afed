/** A value with its content type. */
export interface Value {
  readonly value: Buffer
  readonly contentType: string | undefined
}

/** Values that are too large for a record, each in a buffer of its own. A record refers to one by its number. */
export interface LargeValues {
  /** Size of all values in bytes, without their content types. */
  readonly bytes: number
  get(number: number): Value
  /** Keeps a value. Returns its number. */
  add(value: Value): number
  remove(number: number): void
}

export function makeLargeValues(): LargeValues {
  const values: (Value | undefined)[] = []
  const freeNumbers: number[] = []
  let bytes = 0

  return {
    get bytes() {
      return bytes
    },
    get: (number) => values[number] as Value,
    add(value) {
      const number = freeNumbers.pop() ?? values.length
      values[number] = value
      bytes += value.value.length
      return number
    },
    remove(number) {
      bytes -= values[number]?.value.length ?? 0
      values[number] = undefined
      freeNumbers.push(number)
    },
  }
}
