import { DatabaseError } from 'pg'

/**
 * Whether Postgres itself answered a statement with an error and rolled it back, so that it is known to have changed
 * nothing. All else after sending leaves the outcome open: a lost connection, a FATAL error, and the classes that tell
 * of one: 08 (connection), 57P (shutdown), 40003 (statement completion unknown).
 * https://www.postgresql.org/docs/current/errcodes-appendix.html
 */
export function isAnswer(error: unknown): error is DatabaseError {
  if (!(error instanceof DatabaseError)) return false
  if (error.severity === 'FATAL' || error.severity === 'PANIC') return false
  return !/^(08|57P|40003)/.test(error.code ?? '')
}

/**
 * What a write can be guilty of: a value that Postgres can't take (22), or one that a constraint or a trigger which somebody has
 * added to the log's tables says no to (23502 null, 23503 foreign key, 23514 check, 23P01 exclusion, P0001 RAISE EXCEPTION).
 * A key that is there already (23505) is none of them: sequences are the log's own.
 */
const guilty = /^(22|23502|23503|23514|23P01|P0001)/

/**
 * Whether an answered error says that the log takes no writes just now, whatever they are: for want of room, time, rights,
 * transaction ids, locks …
 */
export function takesNoWrites(error: DatabaseError): boolean {
  return !guilty.test(error.code ?? '')
}

/** For what may fail, and is done without then. */
export function ignoreAnswer(error: unknown): void {
  if (!isAnswer(error)) throw error
}

export const swapsSessions =
  'a pooler in transaction or statement mode stands before Postgres, and gives each transaction another session: ' +
  'use its session mode (PgBouncer: pool_mode=session), or connect to Postgres directly'

/** As `pg` says, without a code, where the time for an answer is over. */
export const tooLate = 'Query read timeout'
