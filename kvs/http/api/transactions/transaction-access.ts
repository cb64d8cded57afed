import { isCount, type Transaction } from '../../../core/transaction.ts'
import type { Request } from '../../exchange/index.ts'

/**
 * Checks that a caller may do a transaction, before anything is asked about its keys: an answer tells of no key that
 * the caller does not reach. Conditions read and writes write; a count does both.
 * @throws KvsError forbidden
 */
export function requireAccess(caller: Request['caller'], { conditions, operations }: Transaction): void {
  if (caller === undefined) return
  caller.require('write')
  if (conditions.length > 0 || operations.some(isCount)) caller.require('read')
  for (const { key } of [...conditions, ...operations]) caller.requireKey(key)
}
