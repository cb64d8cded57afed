import { duration, oneOf, orWord } from '../parsers.ts'
import type { Table } from '../settings-table.ts'

/** Settings of the log lines on standard output. */
export const loggingSettings = {
  logLevel: {
    name: 'LOG_LEVEL',
    default: 'info',
    parse: oneOf('trace', 'debug', 'info', 'warn', 'error'),
    purpose: 'Least severe level logged: trace, debug, info, warn or error',
  },
  logFormat: {
    name: 'LOG_FORMAT',
    default: 'auto',
    parse: oneOf('auto', 'json', 'pretty'),
    purpose: 'json, pretty, or auto: pretty on a terminal, else json',
  },
  slowRequestMs: {
    name: 'KVS_SLOW_REQUEST',
    default: '1s',
    parse: orWord('never', undefined, duration()),
    purpose: 'How long a request may take before it is logged at warn, with what it waited for; or never',
  },
} satisfies Table
