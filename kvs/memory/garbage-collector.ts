import { getHeapStatistics, setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'

/** In bytes; to collect less at a time takes more of the processor than it is worth. */
export const leastGarbage = 4 * 1024 * 1024

/** Has buffers that nobody needs any more freed before much of them has come together. */
export interface Collector {
  /**
   * Collects garbage where more than the bound has been added since the last time.
   * @param held of the buffers' bytes, those that are known to be in use
   */
  look(held: number): void
}

export interface Collecting {
  /** What buffers take, those included that nobody needs any more. */
  externalBytes(): number
  collect(): void
}

/**
 * V8 starts to look for garbage once 64 MiB of buffers have come to those in use, and does so beside the program, which makes
 * more of it meanwhile: with values of 1 MiB, hundreds of megabytes.
 */
export function makeCollector(maxBytes: number, { externalBytes, collect }: Collecting = ofV8()): Collector {
  /** What was in use, and not known to be, when garbage was last collected; or less, where V8 has collected some itself. */
  let least = Infinity

  return {
    look(held) {
      const unknown = externalBytes() - held
      if (unknown < least) least = unknown
      if (unknown - least <= maxBytes) return
      collect()
      least = externalBytes() - held
    },
  }
}

/** The collector of V8 is not within reach of a program that was started without a flag; the flag can be set later. */
function ofV8(): Collecting {
  setFlagsFromString('--expose-gc')
  const collect: () => void = runInNewContext('gc')
  setFlagsFromString('--no-expose-gc')
  return { collect, externalBytes: () => getHeapStatistics().external_memory }
}
