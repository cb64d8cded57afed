import { createRequire } from 'node:module'
import pino, { type Logger } from 'pino'
import type PinoPretty from 'pino-pretty'
import { type Clock, systemClock } from '../lib/clock.ts'
import { makeOutput } from './output.ts'
import { type RequestLine, requestFields, requestText } from './request-line.ts'

export interface LoggerOptions {
  /** Least severe level that is logged, as pino names it. */
  readonly level: string
  /** `auto` is `pretty` on a terminal, and `json` elsewhere. */
  readonly format: 'auto' | 'json' | 'pretty'
  readonly isTerminal: boolean
  readonly clock?: Clock
}

/**
 * Logs lines to standard output. A line of level info or above is written before the call returns, with all lines
 * before it, so that a crash loses none of them. Debug lines are written together at the end of the event loop's turn:
 * one write for each request's line cost a quarter of the PUTs a second.
 */
export function makeLogger({ clock = systemClock, ...options }: LoggerOptions): Logger {
  const isPretty = options.format === 'pretty' || (options.format === 'auto' && options.isTerminal)
  const output = makeOutput(1, { clock })
  let isFlushQueued = false

  function flush(): void {
    isFlushQueued = false
    output.flush()
  }

  const settings: pino.LoggerOptions = {
    level: options.level,
    base: null,
    timestamp: makeTimestamp(clock),
    hooks: {
      logMethod(values, log, level) {
        log.apply(this, values)
        if (level >= info) flush()
        else if (!isFlushQueued) {
          isFlushQueued = true
          clock.soon(flush)
        }
      },
    },
  }
  if (!isPretty) return pino(settings, output)
  const prettify = loadPinoPretty().prettyFactory({
    colorize: options.isTerminal,
    translateTime: 'SYS:yyyy-mm-dd HH:MM:ss.l',
    singleLine: true,
    ignore: requestFields.join(','),
    messageFormat: (line, messageKey) => lineText(line as Partial<RequestLine>, String(line[messageKey])),
  })
  return pino(settings, { write: (line: string) => output.write(prettify(line)) })
}

/** Loaded only where it is used: its thirty files take a node that logs JSON 20 ms to start. */
function loadPinoPretty(): typeof PinoPretty {
  const require = createRequire(import.meta.url)
  return require('pino-pretty')
}

/** Builds the text of a request's line from its fields; other lines keep their message. */
function lineText(line: Partial<RequestLine>, message: string): string {
  if (line.method === undefined || line.ms === undefined) return message
  const text = requestText(line as RequestLine)
  return message === 'request' ? text : `${message}: ${text}`
}

/** Pino's number of the level info. */
const info = 30

/** Formats the time in ISO 8601. The text is reused for all lines of a millisecond. */
function makeTimestamp(clock: Clock): () => string {
  let ms = 0
  let text = ''
  return () => {
    const now = clock.wallTime()
    if (now !== ms) text = `,"time":"${new Date(now).toISOString()}"`
    ms = now
    return text
  }
}
