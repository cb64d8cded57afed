/** The worker thread of `makeSqliteStorage`: executes the calls of a `SpoolFile` one after another. */
import { parentPort, workerData } from 'node:worker_threads'
import type { SpooledWrite } from '../../core/entry.ts'
import { setsValue } from '../../core/operation/operation.ts'
import { freeBuffer } from '../../lib/buffers.ts'
import type { SpoolChange } from '../spool-storage.ts'
import { openSpoolFile, type SpoolFile } from './spool-file.ts'
import { minMovedBytes, sqliteFull, type ThreadRequest, type ThreadResponse } from './thread-messages.ts'

let file: SpoolFile | undefined

parentPort?.on('message', (request: ThreadRequest) => {
  try {
    const value = execute(request)
    parentPort?.postMessage({ id: request.id, value } satisfies ThreadResponse, movedWith(request, value))
  } catch (error) {
    const { message, errcode } = error as { message: string; errcode?: number }
    parentPort?.postMessage({ id: request.id, message, code: errcode } satisfies ThreadResponse)
    // After a failed flush SQLite's memory can't be trusted; the next call opens the file anew.
    if (errcode !== sqliteFull) discardFile()
  } finally {
    if (request.method === 'change') {
      for (const value of valuesOf((request.arguments[0] as SpoolChange).added)) freeBuffer(value)
    }
  }
})

function execute({ method, arguments: values }: ThreadRequest): unknown {
  if (method === 'close') {
    file?.close()
    file = undefined
    return undefined
  }
  file ??= openSpoolFile(workerData.path)
  return (file[method] as (...values: readonly unknown[]) => unknown)(...values)
}

/** Memory of large values that a read returned: it moves with the response instead of being copied. */
function movedWith({ method }: ThreadRequest, result: unknown): ArrayBuffer[] {
  if (method !== 'read') return []
  return valuesOf(result as SpooledWrite[]).flatMap(({ buffer, length }) =>
    length >= minMovedBytes && buffer instanceof ArrayBuffer ? [buffer] : [],
  )
}

function valuesOf(writes: readonly Pick<SpooledWrite, 'write'>[]): Uint8Array[] {
  return writes.flatMap(({ write }) => (setsValue(write) ? [write.value] : []))
}

function discardFile(): void {
  try {
    file?.close()
  } catch {
    // The file is broken already.
  }
  file = undefined
}
