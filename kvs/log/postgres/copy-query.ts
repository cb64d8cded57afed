import type { Submittable } from 'pg'

/** The receiver of a COPY's data threw; `cause` is what it threw. */
export class NotTaken extends Error {
  override readonly name = 'NotTaken'
}

/** A COPY … TO STDOUT that can be given to `pg` like a query, the way pg-cursor can. */
export interface CopyQuery extends Submittable {
  /** Resolves when all data was handed on. Rejects with the server's error or with `NotTaken`. */
  readonly done: Promise<void>
}

/**
 * @param onData called with each message from the server: whole rows, in practice one. The buffer is valid only during
 * the call. Where it throws, it gets no more data.
 */
export function makeCopy(text: string, onData: (data: Buffer) => void): CopyQuery {
  const { promise, resolve, reject } = Promise.withResolvers<void>()
  const nothing = () => undefined
  let hasFailed = false

  function fail(error: unknown): void {
    hasFailed = true
    reject(error)
  }

  const handlers = {
    handleCopyData({ chunk }: { chunk: Buffer }) {
      if (hasFailed) return
      try {
        onData(chunk)
      } catch (error) {
        fail(new NotTaken('a row was not taken', { cause: error }))
      }
    },
    handleError: fail,
    handleReadyForQuery: resolve,
    handleCommandComplete: nothing,
    handleRowDescription: nothing,
    handleDataRow: nothing,
    handleEmptyQuery: nothing,
    handlePortalSuspended: nothing,
  }
  return { ...handlers, done: promise, submit: (connection) => connection.query(text) }
}
