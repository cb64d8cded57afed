import pino, { type Logger } from 'pino'
import { prettyFactory } from 'pino-pretty'
import { makeOutput } from './output.ts'
import { type RequestLine, requestFields, requestText } from './request-line.ts'

/**
 * Lines on standard output. Those at info and above are written before the call returns, with all before them, so that
 * the last ones before a crash are there; debug lines wait for the end of the event loop's turn: with a write for each,
 * a line for each request took a quarter of the PUTs a second.
 */
export function makeLogger(options: {
  level: string
  format: 'auto' | 'json' | 'pretty'
  isTerminal: boolean
}): Logger {
  const isPretty = options.format === 'pretty' || (options.format === 'auto' && options.isTerminal)
  const output = makeOutput(1)
  let isWaiting = false

  function flush(): void {
    isWaiting = false
    output.flush()
  }

  const settings: pino.LoggerOptions = {
    level: options.level,
    base: null,
    timestamp: makeTimestamp(),
    hooks: {
      logMethod(values, log, level) {
        log.apply(this, values)
        if (level >= info) flush()
        else if (!isWaiting) {
          isWaiting = true
          setImmediate(flush)
        }
      },
    },
  }
  if (!isPretty) return pino(settings, output)
  const prettify = prettyFactory({
    colorize: options.isTerminal,
    translateTime: 'SYS:yyyy-mm-dd HH:MM:ss.l',
    singleLine: true,
    ignore: requestFields.join(','),
    messageFormat: (line, messageKey) => messageOf(line as Partial<RequestLine>, String(line[messageKey])),
  })
  return pino(settings, { write: (line: string) => output.write(prettify(line)) })
}

/** A request's fields make up its sentence. */
function messageOf(line: Partial<RequestLine>, message: string): string {
  if (line.method === undefined || line.ms === undefined) return message
  const text = requestText(line as RequestLine)
  return message === 'request' ? text : `${message}: ${text}`
}

/** As pino numbers levels */
const info = 30

/** ISO 8601, written out once for all lines of a millisecond. */
function makeTimestamp(): () => string {
  let ms = 0
  let text = ''
  return () => {
    const now = Date.now()
    if (now !== ms) text = `,"time":"${new Date(now).toISOString()}"`
    ms = now
    return text
  }
}
