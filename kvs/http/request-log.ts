import type { IncomingMessage } from 'node:http'
import type { Logger } from 'pino'

/** A line at debug level for a request on a key, with the time since a moment of `performance.now()`; never a value. */
export type LogLine = (request: IncomingMessage, key: string, rest: string, since: number) => void

export function makeRequestLog(logger: Pick<Logger, 'debug'>): LogLine {
  return ({ method }, key, rest, since) => {
    // A key that could be taken for more than itself is quoted.
    const shown = /^[!-~]+$/.test(key) && !key.includes('"') ? key : JSON.stringify(key)
    logger.debug(`${method} key=${shown} ${rest} ${Math.round(performance.now() - since)}ms`)
  }
}
