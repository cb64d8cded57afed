import { catalogue, type ErrorCode } from '../../../core/errors.ts'
import { reasonPhrases } from '../../exchange/index.ts'
import type { Part, Response } from './part.ts'

/**
 * Errors that a request can have, by what it asks for. Together they are the catalogue. Paths that are not described
 * have `no_such_page`.
 */
export const errors = {
  ofAll: [
    ...(['bad_request', 'cross_origin', 'certificate_required', 'too_slow', 'misdirected', 'internal'] as const),
    ...([
      'headers_too_large',
      'unknown_coding',
      'too_many_connections',
      'cannot_forward',
      'loop_detected',
      'method_not_allowed',
    ] as const),
  ],
  /** Of what is not open to everybody. */
  ofCallers: ['unauthorized', 'forbidden', 'too_many_requests'],
  ofKeys: [
    ...(['bad_key', 'bad_position', 'not_ready', 'behind', 'overloaded', 'draining', 'condition_failed'] as const),
    'log_down',
  ],
  ofReads: ['no_such_key'],
  ofWrites: [
    ...(['idempotency_key_reused', 'unsupported_encoding', 'value_too_large'] as const),
    ...(['not_stored', 'undecided', 'spool_full'] as const),
  ],
  ofBodies: ['bad_digest'],
  ofTransactions: [
    ...(['bad_key', 'bad_position', 'not_ready', 'behind', 'overloaded', 'draining', 'log_down'] as const),
    ...(['idempotency_key_reused', 'unsupported_encoding', 'value_too_large'] as const),
    ...(['bad_digest', 'not_stored', 'undecided', 'not_a_number', 'out_of_range'] as const),
  ],
  ofMembers: [
    'no_such_page',
    'not_ready',
    'behind',
    'removed',
    'overloaded',
    'draining',
    'condition_failed',
    'log_down',
  ],
  ofCollections: ['bad_key', 'bad_position', 'not_ready', 'behind', 'overloaded', 'draining', 'log_down'],
  ofFeeds: ['not_ready', 'log_down', 'overloaded', 'draining', 'went_back', 'removed'],
  ofSitePositions: ['not_ready', 'behind', 'log_down'],
  ofSiteCopies: ['not_ready', 'removed'],
  ofDigests: ['not_ready', 'behind', 'draining', 'removed'],
  ofRejoining: ['value_too_large', 'log_down', 'undecided'],
  /** Of the paths that are there where the node may be in a ring. */
  ofRings: ['no_such_page', 'not_owner', 'ring_conflict'],
  ofRingChanges: ['not_ready', 'log_down', 'not_stored', 'undecided', 'value_too_large', 'unsupported_encoding'],
  ofClears: [
    ...(['clear_not_allowed', 'unsupported_encoding', 'value_too_large'] as const),
    ...(['not_stored', 'undecided', 'spool_full'] as const),
  ],
} as const satisfies Record<string, readonly ErrorCode[]>

/** How a path shows its errors. */
export type ErrorForm = 'problem' | 'json' | 'result'

const contents: Record<ErrorForm, (codes: readonly ErrorCode[]) => Part> = {
  problem: (codes) => ({
    'text/plain': { schema: { type: 'string', description: 'One sentence.' } },
    'application/problem+json': {
      schema: {
        allOf: [{ $ref: '#/components/schemas/Problem' }, { type: 'object', properties: { code: { enum: codes } } }],
      },
    },
  }),
  json: () => ({ 'application/json': { schema: { $ref: '#/components/schemas/Error' } } }),
  result: () => ({ 'application/json': { schema: { $ref: '#/components/schemas/ErrorResult' } } }),
}

export type ErrorResponses = Readonly<Record<string, Response>>

/** The responses of an operation that are errors, by status. */
export function errorResponses(codes: readonly ErrorCode[], form: ErrorForm, hasBody: boolean): ErrorResponses {
  const byStatus = new Map<number, ErrorCode[]>()
  for (const code of codes)
    byStatus.set(catalogue[code].status, [...(byStatus.get(catalogue[code].status) ?? []), code])
  const responses = [...byStatus].map(([status, codes]) => {
    const response = {
      description: `${reasonPhrases[status]}: ${codes.map((code) => `\`${code}\``).join(', ')}`,
      headers: errorHeaders(status),
      ...(hasBody && { content: contents[form](codes) }),
    }
    return [String(status), response]
  })
  return Object.fromEntries(responses)
}

function errorHeaders(status: number): Part {
  const names = ['KVS-Position']
  if (status === 503 || status === 429) names.push('Retry-After')
  if (status >= 500) names.push('X-Request-Id')
  if (status === 401 || status === 403) names.push('WWW-Authenticate')
  if (status === 405) names.push('Allow')
  if (status === 412) names.push('ETag')
  if (status === 415) names.push('Accept-Encoding')
  if (status === 421) names.push('KVS-Ring')
  return headerRefs(...names)
}

/** References to headers of an answer. */
export function headerRefs(...names: string[]): Part {
  return Object.fromEntries(names.map((name) => [name, { $ref: `#/components/headers/${name}` }]))
}
