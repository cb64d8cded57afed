/** The body of the thread behind a `ThreadedFile`. */
import { parentPort, workerData } from 'node:worker_threads'
import type { SpooledWrite } from '../core/entry.ts'
import { setsValue } from '../core/operation/operation.ts'
import { freeBuffer } from '../lib/buffers.ts'
import { type Change, openSpoolFile, type SpoolFile } from './spool-file.ts'
import { type Answer, type Call, leastMoved, sqliteFull } from './thread-messages.ts'

let file: SpoolFile | undefined

parentPort?.on('message', (call: Call) => {
  try {
    const value = run(call)
    parentPort?.postMessage({ id: call.id, value } satisfies Answer, valuesIn(call, value))
  } catch (error) {
    const { message, errcode } = error as { message: string; errcode?: number }
    parentPort?.postMessage({ id: call.id, message, code: errcode } satisfies Answer)
    // What a failed flush has left in memory can't be trusted: the next call reads the file anew.
    if (errcode !== sqliteFull) forget()
  } finally {
    if (call.operation === 'change')
      for (const value of valuesOf((call.arguments[0] as Change).added)) freeBuffer(value)
  }
})

function run({ operation, arguments: values }: Call): unknown {
  if (operation === 'close') {
    file?.close()
    file = undefined
    return undefined
  }
  file ??= openSpoolFile(workerData.path)
  return (file[operation] as (...values: readonly unknown[]) => unknown)(...values)
}

/** The memory of what was read moves with it, instead of being copied. */
function valuesIn({ operation }: Call, read: unknown): ArrayBuffer[] {
  if (operation !== 'read') return []
  return valuesOf(read as SpooledWrite[]).flatMap(({ buffer, length }) =>
    length >= leastMoved && buffer instanceof ArrayBuffer ? [buffer] : [],
  )
}

function valuesOf(writes: readonly Pick<SpooledWrite, 'write'>[]): Uint8Array[] {
  return writes.flatMap(({ write }) => (setsValue(write) ? [write.value] : []))
}

function forget(): void {
  try {
    file?.close()
  } catch {
    // it is broken
  }
  file = undefined
}
