import { Diverged, NotAppended, Refused, Unavailable, Undecided } from '../index.ts'
import type { MemoryConnection } from './memory-connection.ts'
import { SessionRefused } from './memory-server.ts'
import { NotTaken } from './reading.ts'

export function explained<Result>(answer: Promise<Result>): Promise<Result> {
  return answer.catch(explain)
}

/** As `LogSession.lost`. */
export function explainLoss({ lost }: MemoryConnection): Promise<Error> {
  return lost.then((reason) => new Unavailable(sentence(reason), { cause: reason }))
}

/** Throws one of the log's own errors for whatever a statement failed with. */
export function explain(error: unknown): never {
  if (error instanceof NotTaken) throw error.cause
  if (error instanceof SessionRefused) throw new Refused(error.message, { cause: error })
  const isTold = [NotAppended, Undecided, Diverged, Unavailable, TypeError].some((kind) => error instanceof kind)
  throw isTold ? error : new Unavailable(sentence(error), { cause: error })
}

function sentence(error: unknown): string {
  return `the log in memory: ${error instanceof Error ? error.message : error}`
}
