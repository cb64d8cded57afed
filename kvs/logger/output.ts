import { writeSync } from 'node:fs'
import { type Clock, systemClock } from '../lib/clock.ts'

/** Buffers lines for a file descriptor, such as standard output. */
export interface Output {
  /** Adds a line, with its line feed, to the buffer. */
  write(line: string): void
  /**
   * Writes all buffered lines. Never throws: if nobody reads any more or the disk is full, the lines are dropped,
   * because a service must not stop for its log. If the reader is slow, up to 1 MiB is kept and written later.
   */
  flush(): void
}

/** Most bytes that are kept for a slow reader. */
const maxKeptBytes = 1024 * 1024
const retryMs = 10

export interface OutputOptions {
  /** Replaces `fs.writeSync` in tests. */
  readonly send?: typeof writeSync
  readonly clock?: Clock
}

export function makeOutput(fd: number, { send = writeSync, clock = systemClock }: OutputOptions = {}): Output {
  let lines: string[] = []
  let unwritten: Buffer = Buffer.alloc(0)
  let isRetrying = false

  function flush(): void {
    let bytes = Buffer.concat([unwritten, Buffer.from(lines.join(''))])
    lines = []
    unwritten = Buffer.alloc(0)
    try {
      while (bytes.length > 0) bytes = bytes.subarray(send(fd, bytes))
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EAGAIN') return
      unwritten = bytes.subarray(0, maxKeptBytes)
      if (isRetrying) return
      isRetrying = true
      const retry = clock.after(retryMs, () => {
        isRetrying = false
        flush()
      })
      retry.unref()
    }
  }

  return {
    write: (line) => void lines.push(line),
    flush,
  }
}
