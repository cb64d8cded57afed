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
 * Whether an answered error says that the log takes no writes just now, whatever they are: out of resources (53, 58),
 * read only (25006), cancelled (57), not to be locked (55P03), rolled back for others' sake (40).
 */
export function takesNoWrites(error: DatabaseError): boolean {
  return /^(53|58|25006|57|55P03|40)/.test(error.code ?? '')
}
