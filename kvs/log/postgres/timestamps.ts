/** Postgres counts microseconds since 2000. */
const start = Date.UTC(2000, 0, 1)

/** A `timestamptz` in its binary form. @param milliseconds since 1970 */
export function toTimestamp(milliseconds: number): bigint {
  return BigInt(milliseconds - start) * 1_000n
}

/**
 * A `timestamptz` in its binary form as whole milliseconds since 1970; what is beyond is cut off. It is exact up to the
 * year 2285. From then on it is the nearest whole millisecond, as deadlines are.
 */
export function readTimestamp(data: Buffer, at: number): number {
  const microseconds = data.readInt32BE(at) * 2 ** 32 + data.readUInt32BE(at + 4)
  if (Number.isSafeInteger(microseconds)) return Math.floor(microseconds / 1_000) + start
  return Math.round(microseconds / 1_000) + start
}

/** SQL for a `timestamptz` in seconds since 1970, as `wholeMilliseconds` and `deadlineOf` take it. */
export const secondsOf = (column: string) => `date_part('epoch', ${column})`

/** A deadline in milliseconds, as it was written. @param seconds since 1970; null for none */
export function deadlineOf(seconds: number | null): number | undefined {
  return seconds === null ? undefined : Math.round(seconds * 1_000)
}
