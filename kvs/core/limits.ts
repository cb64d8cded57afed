/** Longest key in bytes of UTF-8. An adopted log may have longer ones, which no request can name. */
export const maxKeyBytes = 1024

/** Latest deadline of a key, in milliseconds since 1970: the last one of the year 9999. The earliest is 0. */
export const maxDeadline = Date.UTC(9999, 11, 31, 23, 59, 59, 999)

/** Bounds on one batch: it is large enough to make the round trip cheap, and small enough to be short. */
export const batchLimits = { writes: 1_000, bytes: 4 * 1024 * 1024 }

/** Bounds on one transaction: its operations, its conditions, bytes of its values. */
export const transactionLimits = { operations: 1_000, conditions: 1_000, bytes: 4 * 1024 * 1024 }
