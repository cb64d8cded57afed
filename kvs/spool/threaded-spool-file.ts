import { Worker } from 'node:worker_threads'
import type { SpooledWrite } from '../core/entry.ts'
import { setsValue } from '../core/operation/operation.ts'
import type { Change, LogPosition, Range } from './spool-file.ts'
import { type Answer, type Call, leastMoved, sqliteFull } from './thread-messages.ts'

/**
 * A `SpoolFile` in a thread of its own, so that a slow disk does not hold up reads. Calls are done in their order; they
 * reject with a `SpoolFileError`.
 */
export interface ThreadedFile {
  position(): Promise<LogPosition | undefined>
  read(range: Range): Promise<SpooledWrite[]>
  change(change: Change): Promise<void>
  shrink(): Promise<void>
  close(): Promise<void>
}

export class SpoolFileError extends Error {
  override readonly name = 'SpoolFileError'
  /** No space is left, and the change is known not to be in the file. */
  readonly isFull: boolean
  constructor(message: string, code?: number) {
    super(message)
    this.isFull = code === sqliteFull
  }
}

interface Pending {
  resolve(value: unknown): void
  reject(error: SpoolFileError): void
}

/** The file is opened by the first call. A thread that ends unasked is started anew by the next one. */
export function makeThreadedFile(path: string): ThreadedFile {
  const pending = new Map<number, Pending>()
  let thread: Worker | undefined
  let calls = 0

  function start(): Worker {
    const started = new Worker(new URL('spool-thread.ts', import.meta.url), { workerData: { path } })
    started.on('message', (answer: Answer) => {
      const call = pending.get(answer.id)
      pending.delete(answer.id)
      if ('message' in answer) call?.reject(new SpoolFileError(answer.message, answer.code))
      else call?.resolve(answer.value)
    })
    let reason = 'its thread has ended'
    started.on('error', (error: Error) => {
      reason = `its thread failed: ${error.message}`
    })
    started.on('exit', () => {
      thread = undefined
      for (const { reject } of pending.values()) reject(new SpoolFileError(reason))
      pending.clear()
    })
    return started
  }

  /** @param moved memory that is the thread's from then on, and empty here */
  function call<T>(operation: Call['operation'], values: unknown[] = [], moved: ArrayBuffer[] = []): Promise<T> {
    return new Promise((resolve, reject) => {
      thread ??= start()
      const id = calls++
      pending.set(id, { resolve: resolve as (value: unknown) => void, reject })
      thread.postMessage({ id, operation, arguments: values } satisfies Call, moved)
    })
  }

  return {
    async position() {
      const position = await call<LogPosition | undefined>('position')
      return position && { ...position, digest: asBuffer(position.digest) }
    },
    async read(range) {
      const read = await call<SpooledWrite[]>('read', [range])
      return read.map((spooled) => {
        const { write } = spooled
        return setsValue(write) ? { ...spooled, write: { ...write, value: asBuffer(write.value) } } : spooled
      })
    },
    change(change) {
      const { added, moved } = copiesOf(change.added)
      return call('change', [{ ...change, added }], moved)
    },
    shrink: () => call('shrink'),
    async close() {
      await call('close').finally(() => thread?.terminate())
    },
  }
}

/**
 * One copy of each large value, which then moves to the thread, and is freed there once it is on disk. Left to `postMessage`, a value
 * would be copied into the message and out of it again, for the garbage collectors of both threads to find.
 */
function copiesOf(added: Change['added']): { added: Change['added']; moved: ArrayBuffer[] } {
  const moved: ArrayBuffer[] = []
  const copies = added.map(({ number, write }) => {
    if (!setsValue(write) || write.value.length < leastMoved) return { number, write }
    const value = Buffer.from(new Uint8Array(write.value).buffer)
    moved.push(value.buffer)
    return { number, write: { ...write, value } }
  })
  return { added: copies, moved }
}

/** A Buffer crosses between threads as the plain array that it is. */
function asBuffer({ buffer, byteOffset, length }: Uint8Array): Buffer {
  return Buffer.from(buffer, byteOffset, length)
}
