/** Longest key in bytes of UTF-8. An adopted log may have longer ones, which no request can name. */
export const maxKeyBytes = 1024

/** Bounds on one batch: it is large enough to make the round trip cheap, and small enough to be short. */
export const batchLimits = { writes: 1_000, bytes: 4 * 1024 * 1024 }
