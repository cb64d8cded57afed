import type { IncomingMessage } from 'node:http'
import type { Logger } from 'pino'
import { by, type Caller } from './callers.ts'

/** A line at debug level for a request on a key, with the time since a moment of `performance.now()`; never a value. */
export type LogLine = (
  request: IncomingMessage,
  key: string,
  rest: string,
  since: number,
  caller: Caller | undefined,
) => void

export function makeRequestLog(logger: Pick<Logger, 'debug'>): LogLine {
  return ({ method }, key, rest, since, caller) => {
    // A key that could be taken for more than itself is quoted.
    const shown = /^[!-~]+$/.test(key) && !key.includes('"') ? key : JSON.stringify(key)
    logger.debug(`${method} key=${shown} ${rest}${by(caller)} ${Math.round(performance.now() - since)}ms`)
  }
}
