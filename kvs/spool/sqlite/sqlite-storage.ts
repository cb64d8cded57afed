import { Worker } from 'node:worker_threads'
import type { SpooledWrite } from '../../core/entry.ts'
import { setsValue } from '../../core/operation/operation.ts'
import {
  type LogPosition,
  type SpoolChange,
  type SpoolStorage,
  SpoolStorageError,
  type StorageFailure,
} from '../spool-storage.ts'
import {
  minMovedBytes,
  noSpaceToUpgrade,
  sqliteFull,
  type ThreadRequest,
  type ThreadResponse,
} from './thread-messages.ts'

interface Pending {
  resolve(value: unknown): void
  reject(error: SpoolStorageError): void
}

/**
 * Keeps a spool in an SQLite file. A worker thread does the blocking calls, so that a slow disk does not delay reads of
 * the node. If the thread ends by itself, the next call starts another one.
 */
export function makeSqliteStorage(path: string): SpoolStorage {
  const thread = makeSpoolThread(path)
  return {
    name: path,
    async position() {
      const position = await thread.call<LogPosition | undefined>('position')
      return position && { ...position, digest: asBuffer(position.digest) }
    },
    async read(range) {
      const read = await thread.call<SpooledWrite[]>('read', [range])
      return read.map((spooled) => {
        const { write } = spooled
        return setsValue(write) ? { ...spooled, write: { ...write, value: asBuffer(write.value) } } : spooled
      })
    },
    change(change) {
      const { added, moved } = copyLargeValues(change.added)
      return thread.call('change', [{ ...change, added }], moved)
    },
    shrink: () => thread.call('shrink'),
    async close() {
      await thread.call('close').finally(thread.terminate)
    },
  }
}

/** A worker thread that serves calls in their order. It starts with the first call. */
function makeSpoolThread(path: string) {
  const pending = new Map<number, Pending>()
  let worker: Worker | undefined
  let lastId = 0

  function start(): Worker {
    const started = new Worker(new URL('spool-thread.ts', import.meta.url), { workerData: { path } })
    started.on('message', (response: ThreadResponse) => {
      const waiting = pending.get(response.id)
      pending.delete(response.id)
      if ('message' in response) waiting?.reject(storageError(response.message, response.code))
      else waiting?.resolve(response.value)
    })
    let reason = 'its thread has ended'
    started.on('error', (error: Error) => {
      reason = `its thread failed: ${error.message}`
    })
    started.on('exit', () => {
      worker = undefined
      for (const { reject } of pending.values()) reject(new SpoolStorageError(reason))
      pending.clear()
    })
    return started
  }

  return {
    /** @param moved memory that the message moves to the thread: it is empty here afterwards */
    call<T>(method: ThreadRequest['method'], values: unknown[] = [], moved: ArrayBuffer[] = []): Promise<T> {
      return new Promise((resolve, reject) => {
        worker ??= start()
        const id = ++lastId
        pending.set(id, { resolve: resolve as (value: unknown) => void, reject })
        worker.postMessage({ id, method, arguments: values } satisfies ThreadRequest, moved)
      })
    },
    terminate: () => worker?.terminate(),
  }
}

function storageError(message: string, code: number | undefined): SpoolStorageError {
  let reason: StorageFailure = 'failed'
  if (code === sqliteFull) reason = 'full'
  else if (/database is locked/.test(message)) reason = 'held'
  else if (message.startsWith(noSpaceToUpgrade)) reason = 'outdated'
  return new SpoolStorageError(message, reason)
}

/**
 * Copies each large value once. The copy moves to the thread, which frees it after the change. Otherwise `postMessage`
 * would copy a value into the message and out of it again, and leave both copies to the garbage collectors of the two
 * threads.
 */
function copyLargeValues(added: SpoolChange['added']): { added: SpoolChange['added']; moved: ArrayBuffer[] } {
  const moved: ArrayBuffer[] = []
  const copies = added.map(({ number, write, seen }) => {
    if (!setsValue(write) || write.value.length < minMovedBytes) return { number, write, seen }
    const value = Buffer.from(new Uint8Array(write.value).buffer)
    moved.push(value.buffer)
    return { number, write: { ...write, value }, seen }
  })
  return { added: copies, moved }
}

/** Turns a plain array into a Buffer again: a Buffer loses its class on the way between threads. */
function asBuffer({ buffer, byteOffset, length }: Uint8Array): Buffer {
  return Buffer.from(buffer, byteOffset, length)
}
