import { integer, oneOf, orWord, path, text } from '../parsers.ts'
import type { Table } from '../settings-table.ts'

/** Settings of authentication, rights and rates. */
export const accessSettings = {
  tokens: {
    name: 'KVS_TOKENS',
    parse: text,
    purpose: 'Access tokens, name:rights:token[:prefixes] each',
    secret: true,
  },
  tokensFile: {
    name: 'KVS_TOKENS_FILE',
    parse: path,
    purpose: 'File of access tokens, one a line; SIGHUP reads it anew',
  },
  allowAnonymous: {
    name: 'KVS_ALLOW_ANONYMOUS',
    default: 'false',
    parse: oneOf('true', 'false'),
    purpose: 'true: without tokens, listen beyond the loopback all the same; the image sets it',
  },
  allowClear: {
    name: 'KVS_ALLOW_CLEAR',
    default: 'false',
    parse: oneOf('true', 'false'),
    purpose: 'true: where there are no tokens, anybody may delete all keys with a prefix at once',
  },
  maxRequestRate: {
    name: 'KVS_MAX_REQUEST_RATE',
    default: 'unlimited',
    parse: orWord('unlimited', undefined, integer(1, 1_000_000)),
    purpose: 'Requests a second taken with one token; past it 429',
  },
} satisfies Table
