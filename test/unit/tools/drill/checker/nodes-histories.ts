import type { LogEntry, Operation } from '../../../../../tools/drill/history.ts'
import { put } from './histories.ts'

/** For histories of two nodes made by hand: node a is writer 1 of the log, b is writer 2. */
export type Extra = Partial<Operation>
export const at = (node: string, position: number, extra: Extra = {}): Extra => ({ node, position, ...extra })
export const entry = (sequence: number, position = sequence): Extra => ({ sequence, position })
export const spooled = { status: 202, isSpooled: true } as const
export const readSpooled = { isSpooled: true } as const
export const consistent = { isConsistent: true } as const
export const refused = { outcome: 'failed', status: 412 } as const

/** Entries of key k as `writer:value`, with `-` for deletes and a `!` in front where superseded. */
export function logOf(...texts: string[]): LogEntry[] {
  return texts.map((text, index) => {
    const [, superseded, writer, value = ''] = /^(!?)(\d):(.+)$/.exec(text) ?? []
    return {
      sequence: index + 1,
      kind: value === '-' ? 'delete' : 'put',
      key: 'k',
      value: value === '-' ? undefined : value,
      superseded: superseded === '!',
      writer: Number(writer),
    }
  })
}

export const a1 = put(1, 'v1', 0, 1, at('a', 1, entry(1)))
export const b2 = put(2, 'v2', 2, 3, at('b', 2, entry(2)))
export const two = logOf('1:v1', '2:v2')
