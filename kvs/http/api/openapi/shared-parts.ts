import { catalogue } from '../../../core/errors.ts'
import { maxKeyBytes } from '../../../core/limits.ts'
import { states } from '../../../kv/index.ts'
import type { Part } from './part.ts'
import { payloadParameters, payloadSchemas } from './payload-parts.ts'
import { ringParameters, ringSchemas } from './ring-parts.ts'
import { siteFlags } from './site-operations.ts'
import { transactionSchemas } from './transaction-parts.ts'

const text = { type: 'string' }
const tag = { ...text, examples: ['"c18e0369-12-9f86d081"'] }
const httpDate = { ...text, examples: ['Sun, 29 Nov 2026 11:12:13 GMT'] }
const position = { ...text, examples: ['c18e0369=12'] }

/** Headers of a request, by the name that a reference to them has. */
const requestHeaders = {
  MinPosition: {
    name: 'KVS-Min-Position',
    description: 'The answer shows at least what these positions do; several with commas.',
    schema: position,
  },
  IfMatch: {
    name: 'If-Match',
    description: 'ETags of which the value is to have one, or `*` for any value.',
    schema: tag,
  },
  IfNoneMatch: {
    name: 'If-None-Match',
    description: 'ETags of which the value is to have none, or `*` where there is to be no value.',
    schema: tag,
  },
  IfModifiedSince: {
    name: 'If-Modified-Since',
    description: 'The value is not sent where it is not newer; counts only without `If-None-Match`.',
    schema: httpDate,
  },
  IfUnmodifiedSince: {
    name: 'If-Unmodified-Since',
    description: 'The value is sent only where it is not newer; counts only without `If-Match`.',
    schema: httpDate,
  },
  Ttl: {
    name: 'KVS-TTL',
    description: 'How long the key lives. At most one of KVS-TTL, KVS-Expires and X-TTL.',
    schema: { ...text, pattern: '^[0-9]+(ms|s|m|h)$', examples: ['300ms', '5m'] },
  },
  Expires: {
    name: 'KVS-Expires',
    description: 'When the key ends: as in RFC 3339, or an HTTP date.',
    schema: { ...text, examples: ['2030-01-01T00:00:00Z'] },
  },
  TtlInSeconds: {
    name: 'X-TTL',
    description: 'How many seconds the key lives.',
    schema: { type: 'number' },
  },
  IdempotencyKey: {
    name: 'Idempotency-Key',
    description: 'The write happens once: whoever sends the same request again gets the first answer.',
    schema: { ...text, minLength: 1, maxLength: 255, pattern: '^[ -~]+$' },
  },
  ContentDigest: {
    name: 'Content-Digest',
    description: 'Checked against the body: `sha-256` or `sha-512` (RFC 9530).',
    schema: text,
  },
} as const

/** A flag of a counter's query. */
const counting = (name: string, what: string) => ({
  name,
  in: 'query',
  description: what,
  schema: { ...text, pattern: '^-?[0-9]+$' },
})

/** Flags of a list's query. */
const queryFlags = {
  Limit: {
    name: 'limit',
    in: 'query',
    description: 'Most items of the answer, which is a page then; 1,000 for values where it is not given.',
    schema: { type: 'integer', minimum: 1, maximum: 10_000 },
  },
  After: {
    name: 'after',
    in: 'query',
    description: 'Begins after this key, which need not exist.',
    schema: text,
  },
  Delimiter: {
    name: 'delimiter',
    in: 'query',
    description: 'Shows each subtree once, as a name that ends in this. Not with `values`.',
    schema: { ...text, minLength: 1, maxLength: 16 },
  },
  Values: {
    name: 'values',
    in: 'query',
    allowEmptyValue: true,
    description: 'Shows values with their keys, at most 1 MiB of them.',
    schema: { ...text, const: '' },
  },
  Count: {
    name: 'count',
    in: 'query',
    allowEmptyValue: true,
    description: 'Counts the keys. Not with `limit`, `after`, `delimiter` or `values`.',
    schema: { ...text, const: '' },
  },
} as const

const responseHeaders = {
  ETag: { description: 'Names the entry that set the value; absent while it is not in the log.', schema: tag },
  'KVS-Position': { description: 'How far the node has applied the log: `LOGID=SEQUENCE`.', schema: position },
  'Last-Modified': { description: 'When the value was committed.', schema: httpDate },
  'KVS-Expires': {
    description: 'When the key ends by itself; absent for never.',
    schema: { ...text, format: 'date-time' },
  },
  'X-TTL': { description: 'Seconds until the key ends, rounded up; absent for never.', schema: { type: 'integer' } },
  'KVS-Durability': {
    description: '`spooled`: on the node’s disk, and not in the log yet.',
    schema: { ...text, const: 'spooled' },
  },
  'KVS-Copies': {
    description:
      'How many logs of the group have the write; absent where `KVS_MIN_COPIES` is 1. 0: it is spooled. Fewer than ' +
      '`KVS_MIN_COPIES`: the status is 202.',
    schema: { type: 'integer', minimum: 0 },
  },
  'KVS-Deleted': {
    description: 'How many keys were deleted, also where it ended in an error.',
    schema: { type: 'integer' },
  },
  Link: {
    description: 'The next page, as long as there is one (RFC 8288).',
    schema: { ...text, examples: ['</v1/a/:?limit=100&after=a%2Fb>; rel="next"'] },
  },
  Vary: { description: 'What the answer depends on.', schema: text },
  'Accept-Encoding': { description: 'The codings that are taken.', schema: text },
  'KVS-Ring': { description: 'The version of the ring that the node goes by, for its members.', schema: text },
  'KVS-Ring-Slots': {
    description: 'Slots that a member’s own part is of, where the request has `KVS-Ring`; empty for none.',
    schema: { ...text, examples: ['0-3000,8001-9999'] },
  },
  'Retry-After': { description: 'Seconds.', schema: { type: 'integer' } },
  'X-Request-Id': { description: 'The request in the service’s log.', schema: text },
  'WWW-Authenticate': { description: 'What a token lacks (RFC 6750).', schema: text },
  Allow: { description: 'Methods that the path takes.', schema: text },
} as const

const schemas = {
  Problem: {
    description: 'Problem details (RFC 9457), for a client whose `Accept` asks for JSON.',
    type: 'object',
    required: ['type', 'title', 'status', 'detail', 'code'],
    properties: {
      type: { const: 'about:blank' },
      title: text,
      status: { type: 'integer' },
      detail: { ...text, description: 'One sentence: what was wrong and, where possible, what would be right.' },
      code: { oneOf: Object.entries(catalogue).map(([code, { when }]) => ({ const: code, description: when })) },
    },
  },
  Error: { type: 'object', required: ['error'], properties: { error: text } },
  Status: {
    description: 'State of a node, or of a forwarding node; a caller that may not see details gets `state` alone.',
    type: 'object',
    required: ['state'],
    properties: {
      state: { enum: [...Object.keys(states), 'forwarding'] },
      reason: { type: ['string', 'null'] },
      since: { ...text, format: 'date-time' },
      replayed: { type: 'integer' },
      total: { type: 'integer' },
      position: { type: ['string', 'null'] },
      lag: { type: ['integer', 'null'], description: 'Milliseconds.' },
      spool: { type: 'object', description: 'What waits on the node’s disk for the log.' },
      sites: { type: 'object', description: 'Where the log is a site: how the node follows the others.' },
      ring: { type: 'object', description: 'Where the node may be a member of a ring: what it knows of it.' },
      target: { ...text, description: 'Of a forwarding node: where it sends requests.' },
      answer: { description: 'Of a forwarding node: what its target’s `/readyz` says.' },
    },
  },
  ListedValue: {
    type: 'object',
    required: ['key', 'etag', 'contentType', 'size', 'at', 'expires'],
    properties: {
      key: text,
      value: { ...text, description: 'The value, where it is UTF-8.' },
      base64: { ...text, description: 'The value, where it is not.' },
      omitted: { const: true, description: 'The value is too large for a list.' },
      etag: { type: ['string', 'null'], description: 'With its quotes; null while it is not in the log.' },
      contentType: { type: ['string', 'null'] },
      size: { type: 'integer', description: 'Bytes.' },
      at: { type: ['string', 'null'], format: 'date-time', description: 'When the value was committed.' },
      expires: { type: ['string', 'null'], format: 'date-time', description: 'When the key ends by itself.' },
    },
  },
  ...transactionSchemas,
  ...payloadSchemas,
  ...ringSchemas,
  Live: { type: 'object', required: ['live'], properties: { live: { const: true } } },
} as const

/** What the operations refer to. */
export const components: Part = {
  securitySchemes: {
    token: { type: 'http', scheme: 'bearer', description: 'Needed where the service has tokens.' },
  },
  parameters: {
    Key: {
      name: 'key',
      in: 'path',
      required: true,
      description: `Any UTF-8 text of up to ${maxKeyBytes} bytes. A slash in it may stand as it is, or as %2F.`,
      schema: { ...text, minLength: 1 },
    },
    Prefix: {
      name: 'prefix',
      in: 'path',
      required: true,
      description: `What the keys begin with; may be empty. At most ${maxKeyBytes} bytes. A colon in it is written %3A.`,
      schema: text,
    },
    ...queryFlags,
    ...siteFlags,
    ...payloadParameters,
    ...ringParameters,
    Add: counting('add', 'Adds to the number, which begins at 0.'),
    Min: counting('min', 'Lowers the number to this where it is higher.'),
    Max: counting('max', 'Raises the number to this where it is lower.'),
    Consistent: {
      name: 'consistent',
      in: 'query',
      allowEmptyValue: true,
      description: 'Shows every write that any node acknowledged before.',
      schema: { ...text, const: '' },
    },
    ...Object.fromEntries(
      Object.entries(requestHeaders).map(([name, header]) => [name, { ...header, in: 'header', required: false }]),
    ),
  },
  headers: responseHeaders,
  schemas,
}
