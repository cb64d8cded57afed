import type { Operation } from '../history.ts'
import type { RegisterOperation } from './register.ts'

/**
 * What of the operations of several nodes has to make one register of each key, in the clients' time: consistent reads,
 * writes that the log had when they were answered, and conditions. A write under If-Match: "ETAG" or If-None-Match: *
 * that landed has found that value, or none; one that was refused has read the value that it was told. What was spooled
 * takes effect at some later time, or never. Other reads show some past, which is for the log to judge.
 *
 * Says nothing of what only the log could tell: an ETag that no answer has given a value is left out.
 */
export function asOneRegister(operations: readonly Operation[]): RegisterOperation[] {
  const values = new Map<number, string>()
  for (const { kind, value, sequence, outcome } of operations) {
    if (kind !== 'delete' && outcome === 'ok' && typeof value === 'string' && sequence !== undefined) {
      values.set(sequence, value)
    }
  }
  const valueAt = (sequence: number | undefined) => (sequence === undefined ? null : values.get(sequence))

  return operations.flatMap((operation): RegisterOperation[] => {
    const { kind, status, sequence, outcome, condition } = operation
    if (kind === 'get') return operation.isConsistent ? [operation] : []
    if (status === 202) return [{ ...operation, outcome: 'unknown' }]
    if (status === 412) {
      const value = valueAt(sequence)
      const write: RegisterOperation = operation
      const read = value === undefined ? [] : [{ ...operation, kind: 'get' as const, outcome: 'ok' as const, value }]
      return kind === 'put' ? [write, ...read] : read
    }
    const replaces = condition === 'absent' ? null : typeof condition === 'number' ? values.get(condition) : undefined
    return [{ ...operation, ...(outcome === 'ok' && replaces !== undefined && { replaces }) }]
  })
}
