import { writeSync } from 'node:fs'

/** Lines on their way to a file descriptor, such as standard output. */
export interface Output {
  write(line: string): void
  /**
   * Writes all there is, and never throws. Where nobody reads any more, or the disk is full, it is dropped, since a
   * service must not stop for its log; where the reader is slow it waits, up to 1 MiB of it.
   */
  flush(): void
}

const mostBytes = 1024 * 1024
const retryMs = 10

/** @param send as `fs.writeSync` */
export function makeOutput(fd: number, send: typeof writeSync = writeSync): Output {
  let lines: string[] = []
  let rest: Buffer = Buffer.alloc(0)
  let isRetrying = false

  function flush(): void {
    let bytes = Buffer.concat([rest, Buffer.from(lines.join(''))])
    lines = []
    rest = Buffer.alloc(0)
    try {
      while (bytes.length > 0) bytes = bytes.subarray(send(fd, bytes))
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EAGAIN') return
      rest = bytes.subarray(0, mostBytes)
      if (isRetrying) return
      isRetrying = true
      setTimeout(() => {
        isRetrying = false
        flush()
      }, retryMs).unref()
    }
  }

  return {
    write: (line) => void lines.push(line),
    flush,
  }
}
