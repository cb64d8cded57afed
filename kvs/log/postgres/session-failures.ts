import { DatabaseError } from 'pg'
import { Diverged, NotAppended, Refused, Unavailable, Undecided } from '../index.ts'
import type { Connection } from './connection.ts'
import { NotTaken } from './copy-query.ts'
import { explain, type Where } from './failure-explanation.ts'

/**
 * Makes a session over a new connection, which is closed where that fails. Rejects with `Refused`, `Diverged`,
 * `Unavailable` or a `TypeError`, with a sentence for a person; and as an append, where `prepare` does.
 */
export async function openOver<Session>(
  connecting: Promise<Connection>,
  where: Where,
  prepare: (connection: Connection) => Promise<Session>,
): Promise<Session> {
  try {
    const connection = await connecting
    return await prepare(connection).catch(async (error) => {
      await connection.close()
      throw error
    })
  } catch (error) {
    const kinds = [Refused, Diverged, Unavailable, NotAppended, Undecided, TypeError]
    const isExplained = kinds.some((kind) => error instanceof kind)
    throw isExplained ? error : new Unavailable(explain(error, where), { cause: error })
  }
}

/** As `LogSession.lost`. */
export function explainLoss({ lost }: Connection, where: Where): Promise<Error> {
  return lost.then((error) => new Unavailable(explain(error, where), { cause: error }))
}

/**
 * Replaces the error of a connection that failed by a sentence for a person, and unwraps what a receiver of rows threw.
 */
export async function withExplanation<T>(answer: Promise<T>, where: Where): Promise<T> {
  try {
    return await answer
  } catch (error) {
    if (error instanceof NotTaken) throw error.cause
    if (error instanceof Undecided) {
      const { cause, mayLandUntil } = error
      throw new Undecided(explain(cause, where), { cause, mayLandUntil })
    }
    if (isPreparedStatementLost(error)) throw new NotAppended(explain(error.cause, where), true, error.cause)
    const isExplained = [NotAppended, Diverged, Unavailable, TypeError].some((kind) => error instanceof kind)
    throw isExplained ? error : new Unavailable(explain(error, where), { cause: error })
  }
}

/**
 * 26000, 42P05: the append's prepared statement is not there, or is another session's. The server's words don't say
 * why.
 */
function isPreparedStatementLost(error: unknown): error is NotAppended {
  if (!(error instanceof NotAppended) || !(error.cause instanceof DatabaseError)) return false
  return /^(26000|42P05)/.test(error.cause.code ?? '')
}
