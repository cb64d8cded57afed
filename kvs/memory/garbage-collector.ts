import { getHeapStatistics, setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'

/** Least amount of garbage that is worth a collection, in bytes: each one costs processor time. */
export const minGarbageBytes = 4 * 1024 * 1024

/** Frees unused buffers before many of them accumulate. */
export interface Collector {
  /**
   * Collects garbage if more of it than the bound may have accumulated since the last collection.
   * @param held bytes of buffers that are known to be in use
   */
  collectIfNeeded(held: number): void
}

/** The garbage collector of the JavaScript engine. */
export interface GarbageSource {
  /** Bytes of all buffers, including unused ones. */
  externalBytes(): number
  collect(): void
}

/**
 * V8 alone starts to collect when 64 MiB of buffers have been added to those in use, and works beside the program,
 * which allocates more meanwhile: hundreds of megabytes with values of 1 MiB.
 */
export function makeCollector(maxBytes: number, { externalBytes, collect }: GarbageSource = v8Garbage()): Collector {
  /**
   * Bytes beyond `held` after the last collection: they are in use. Less if V8 has collected some of them itself since.
   * Infinity before the first call.
   */
  let baseline = Infinity

  return {
    collectIfNeeded(held) {
      const unaccounted = externalBytes() - held
      if (unaccounted < baseline) baseline = unaccounted
      if (unaccounted - baseline <= maxBytes) return
      collect()
      baseline = externalBytes() - held
    },
  }
}

/** A program can reach V8's collector only through a flag. The flag also takes effect when it is set later. */
function v8Garbage(): GarbageSource {
  setFlagsFromString('--expose-gc')
  const collect: () => void = runInNewContext('gc')
  setFlagsFromString('--no-expose-gc')
  return { collect, externalBytes: () => getHeapStatistics().external_memory }
}
