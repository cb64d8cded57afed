import type { Write } from '../core/entry.ts'
import { setsValue } from '../core/operation/operation.ts'
import { owned } from '../lib/buffers.ts'

/**
 * Copies a value that is a window on larger memory: the window would keep all of it, and the bound would not count
 * that.
 */
export function withOwnMemory(write: Write): Write {
  return setsValue(write) ? { ...write, value: owned(write.value) } : write
}
