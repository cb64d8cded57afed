import { DatabaseError } from 'pg'

/**
 * Whether Postgres answered a statement with an error and rolled it back, so that it is known to have changed nothing.
 * Every other error after sending leaves the outcome open: a lost connection, a FATAL error, and the SQLSTATE classes
 * that tell of one, 08 (connection), 57P (shutdown) and 40003 (statement completion unknown).
 * https://www.postgresql.org/docs/current/errcodes-appendix.html
 */
export function isRolledBack(error: unknown): error is DatabaseError {
  if (!(error instanceof DatabaseError)) return false
  if (error.severity === 'FATAL' || error.severity === 'PANIC') return false
  return !/^(08|57P|40003)/.test(error.code ?? '')
}

/**
 * SQLSTATEs that the content of a write can cause: a value that Postgres can't take (22), or a constraint or trigger
 * that somebody added to the log's tables (23502 null, 23503 foreign key, 23514 check, 23P01 exclusion, P0001 RAISE
 * EXCEPTION). A duplicate key (23505) is none of them, since sequences are the log's own.
 */
const causedByContent = /^(22|23502|23503|23514|23P01|P0001)/

/**
 * Whether the log takes no writes now, whatever they contain: it lacks room, time, rights, transaction ids, locks …
 * @param error one that `isRolledBack`
 */
export function takesNoWrites(error: DatabaseError): boolean {
  return !causedByContent.test(error.code ?? '')
}

/**
 * Whether an append was refused because the log is not what appends make of it, so that another try would be refused as
 * well: KVS01 is raised by migrations/005_append_only_head.sql; 23505, an entry stands where the next one belongs;
 * P0002 and P0003, the single row of a table is gone, or is there twice.
 */
export function isBrokenLog({ code }: DatabaseError): boolean {
  return code !== undefined && /^(KVS01|23505|P0002|P0003)$/.test(code)
}

/** Whether the log has an entry on the ring that the session has not told of: migrations/012_ring.sql raises KVS02. */
export function isRingUnseen({ code }: DatabaseError): boolean {
  return code === 'KVS02'
}

/** A `catch` for a statement that may fail without harm. Throws where the connection may be lost. */
export function ignoreRolledBack(error: unknown): void {
  if (!isRolledBack(error)) throw error
}

export const transactionPooling =
  'a pooler in transaction or statement mode stands before Postgres, and gives each transaction another session: ' +
  'use its session mode (PgBouncer: pool_mode=session), or connect to Postgres directly'

/** The message of `pg`'s error, which has no code, when the time for an answer is over. */
export const queryTimeout = 'Query read timeout'
