import { Worker } from 'node:worker_threads'
import type { SpooledWrite } from '../entry.ts'
import { type Answer, type Call, sqliteFull } from './calls.ts'
import type { Change, Seen } from './file.ts'

/** A `SpoolFile` in a thread of its own, so that a slow disk does not hold up reads. Calls are done in their order. */
export interface ThreadedFile {
  seen(): Promise<Seen | undefined>
  page(after: bigint): Promise<SpooledWrite[]>
  change(change: Change): Promise<void>
  shrink(): Promise<void>
  close(): Promise<void>
}

export class SpoolFileError extends Error {
  override readonly name = 'SpoolFileError'
  /** No space is left, and the change is known not to be in the file. */
  readonly isFull: boolean
  constructor(message: string, code: number | undefined) {
    super(message)
    this.isFull = code === sqliteFull
  }
}

interface Pending {
  resolve(value: unknown): void
  reject(error: Error): void
}

/** The file is opened by the first call. */
export function makeThreadedFile(path: string): ThreadedFile {
  const thread = new Worker(new URL('thread.ts', import.meta.url), { workerData: { path } })
  const pending = new Map<number, Pending>()
  let calls = 0
  let ended: Error | undefined

  thread.on('message', (answer: Answer) => {
    const call = pending.get(answer.id)
    pending.delete(answer.id)
    if ('message' in answer) call?.reject(new SpoolFileError(answer.message, answer.code))
    else call?.resolve(answer.value)
  })
  thread.on('error', (error: Error) => end(new Error(`the spool’s thread failed: ${error.message}`)))
  thread.on('exit', () => end(new Error('the spool’s thread has ended')))

  function end(error: Error): void {
    ended ??= error
    for (const { reject } of pending.values()) reject(ended)
    pending.clear()
  }

  function call<T>(operation: Call['operation'], ...values: unknown[]): Promise<T> {
    return new Promise((resolve, reject) => {
      if (ended) return reject(ended)
      const id = calls++
      pending.set(id, { resolve: resolve as (value: unknown) => void, reject })
      thread.postMessage({ id, operation, arguments: values } satisfies Call)
    })
  }

  return {
    async seen() {
      const seen = await call<Seen | undefined>('seen')
      return seen && { ...seen, digest: asBuffer(seen.digest) }
    },
    async page(after) {
      const page = await call<SpooledWrite[]>('page', after)
      return page.map((spooled) => {
        const { write } = spooled
        return write.kind === 'delete' ? spooled : { ...spooled, write: { ...write, value: asBuffer(write.value) } }
      })
    },
    change: (change) => call('change', change),
    shrink: () => call('shrink'),
    async close() {
      await call('close').finally(() => thread.terminate())
    },
  }
}

/** A Buffer crosses between threads as the plain array that it is. */
function asBuffer({ buffer, byteOffset, length }: Uint8Array): Buffer {
  return Buffer.from(buffer, byteOffset, length)
}
