import { createHash } from 'node:crypto'
import { partsOf } from '../../core/operation/operation.ts'
import { isCount, type Operation } from '../../core/transaction.ts'
import type { AskedTransaction, ConditionalWrite } from '../../kv/index.ts'

/**
 * Hash that tells a repetition of a request under an idempotency key from another one. The log keeps it, so that it
 * never changes.
 */
export function hashOfWrite({ write, precondition, asked }: ConditionalWrite): Buffer {
  const askedParts = asked === undefined ? [] : [asked]
  return hashOf([write.kind, write.key, JSON.stringify(precondition), ...partsOf(write), ...askedParts])
}

/** As `hashOfWrite`. */
export function hashOfTransaction({ conditions, operations, asked }: AskedTransaction): Buffer {
  const askedParts = asked === undefined ? [] : [asked]
  return hashOf(['transaction', JSON.stringify(conditions), ...operations.flatMap(partsOfOperation), ...askedParts])
}

/** Each operation begins with how many parts it has, so that no two lists of operations have the same parts. */
function partsOfOperation(operation: Operation): readonly (string | Buffer)[] {
  const parts = isCount(operation) ? [String(operation.by)] : partsOf(operation)
  return [String(parts.length), operation.kind, operation.key, ...parts]
}

/** Equal parts alone have equal hashes: each is preceded by its length. */
function hashOf(parts: readonly (string | Buffer)[]): Buffer {
  const hash = createHash('sha256')
  for (const part of parts) {
    const bytes = Buffer.from(part)
    hash.update(`${bytes.length}:`).update(bytes)
  }
  return hash.digest()
}
