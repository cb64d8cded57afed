import pino, { type Logger } from 'pino'
import pretty from 'pino-pretty'

/** Lines on standard output, written before the call returns, so that the last ones before a crash are there. */
export function makeLogger(options: {
  level: string
  format: 'auto' | 'json' | 'pretty'
  isTerminal: boolean
}): Logger {
  const isPretty = options.format === 'pretty' || (options.format === 'auto' && options.isTerminal)
  const settings = { level: options.level, base: null, timestamp: pino.stdTimeFunctions.isoTime }
  if (!isPretty) return pino(settings, pino.destination({ dest: 1, sync: true }))
  const stream = pretty({
    colorize: options.isTerminal,
    translateTime: 'SYS:yyyy-mm-dd HH:MM:ss.l',
    sync: true,
    singleLine: true,
  })
  return pino(settings, stream)
}
