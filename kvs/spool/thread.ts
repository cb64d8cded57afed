/** The body of the thread behind a `ThreadedFile`. */
import { parentPort, workerData } from 'node:worker_threads'
import { type Answer, type Call, sqliteFull } from './calls.ts'
import { openSpoolFile, type SpoolFile } from './file.ts'

let file: SpoolFile | undefined

parentPort?.on('message', (call: Call) => {
  try {
    parentPort?.postMessage({ id: call.id, value: run(call) } satisfies Answer)
  } catch (error) {
    const { message, errcode } = error as { message: string; errcode?: number }
    parentPort?.postMessage({ id: call.id, message, code: errcode } satisfies Answer)
    // What a failed flush has left in memory can't be trusted: the next call reads the file anew.
    if (errcode !== sqliteFull) forget()
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

function forget(): void {
  try {
    file?.close()
  } catch {
    // it is broken
  }
  file = undefined
}
