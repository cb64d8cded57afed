import { unlessAborted } from '../lib/abort.ts'
import { makeBackoff } from '../lib/backoff.ts'
import { type Clock, systemClock } from '../lib/clock.ts'
import { type Random, systemRandom } from '../lib/random.ts'
import { type Log, type LogSession, Refused, Unavailable } from '../log/index.ts'

export interface ConnectorOptions {
  readonly log: Log
  readonly signal: AbortSignal
  /** How long the first connection may take to come about, in milliseconds; undefined is for ever. */
  readonly firstTimeoutMs: number | undefined
  /** Called after each try that failed. */
  readonly onUnavailable: (error: Unavailable) => void
  readonly clock?: Clock
  readonly random?: Random
}

export interface Connector {
  /**
   * Opens a session. Retries, with growing pauses, until the log is there; resolves to undefined once the signal
   * aborts. Rejects with what another try won't mend: a `Refused`, also past the timeout, or a `Diverged`.
   */
  connect(): Promise<LogSession | undefined>
  /** The last session has been of use: after it the next try comes at once. */
  resetPauses(): void
}

export function makeConnector(options: ConnectorOptions): Connector {
  const { log, signal, firstTimeoutMs, onUnavailable, clock = systemClock, random = systemRandom } = options
  const backoff = makeBackoff({ clock, random })
  const startedAt = clock.now()
  let isFirst = true

  return {
    async connect() {
      for (;;) {
        await backoff.pause(signal)
        if (signal.aborted) return undefined
        try {
          const opening = log.open()
          const session = await unlessAborted(opening, signal)
          isFirst = false
          if (!session) opening.then(close, () => undefined)
          return session
        } catch (error) {
          if (!(error instanceof Unavailable)) throw error
          if (signal.aborted) return undefined
          onUnavailable(error)
          if (isFirst && firstTimeoutMs !== undefined && clock.now() - startedAt >= firstTimeoutMs) {
            throw new Refused(`the log could not be reached within KVS_CONNECT_TIMEOUT: ${error.message}`)
          }
        }
      }
    },

    resetPauses: () => backoff.reset(),
  }
}

/** Ends a session that comes about when nobody waits for it any more. */
function close(session: LogSession): Promise<void> {
  return session.close()
}
