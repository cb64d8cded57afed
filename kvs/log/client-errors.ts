import { KvsError } from '../core/errors.ts'
import { Diverged, NotAppended, Unavailable, Undecided } from './log.ts'

/** Rejects with what a client is told where the log fails. */
export async function askedOfLog<T>(answer: Promise<T>): Promise<T> {
  try {
    return await answer
  } catch (error) {
    if (!(error instanceof Error) || error instanceof KvsError) throw error
    if (error instanceof Undecided) throw new KvsError('undecided', undefined, { cause: error })
    const isLogs = [Unavailable, NotAppended, Diverged].some((kind) => error instanceof kind)
    throw isLogs ? new KvsError('log_down', `the log can’t be asked: ${error.message}`, { cause: error }) : error
  }
}
