/** Codes of the service's errors; docs/api.md says when each is returned. */
export const serviceCodes = [
  'bad_key',
  'bad_request',
  'bad_position',
  'bad_digest',
  'unauthorized',
  'forbidden',
  'certificate_required',
  'cross_origin',
  'clear_not_allowed',
  'no_such_key',
  'no_such_page',
  'method_not_allowed',
  'too_slow',
  'not_a_number',
  'out_of_range',
  'went_back',
  'removed',
  'ring_conflict',
  'confirmation_needed',
  'several_owners',
  'condition_failed',
  'value_too_large',
  'transaction_too_large',
  'unsupported_encoding',
  'misdirected',
  'not_owner',
  'idempotency_key_reused',
  'too_many_requests',
  'headers_too_large',
  'internal',
  'unknown_coding',
  'not_ready',
  'not_stored',
  'undecided',
  'behind',
  'log_down',
  'too_many_connections',
  'overloaded',
  'spool_full',
  'cannot_forward',
  'draining',
  'loop_detected',
] as const

/**
 * - `unreachable`: no answer came, because the connection failed or broke
 * - `timeout`: no answer came in time
 * - `unexplained`: the answer is an error without a code, from a proxy on the way for example; see `status`
 * - `bad_answer`: the answer is not what the service would say
 */
export type OwnCode = 'unreachable' | 'timeout' | 'unexplained' | 'bad_answer'

/** A newer service may have codes that this client does not know. */
export type ErrorCode = (typeof serviceCodes)[number] | OwnCode | (string & {})

/** A condition of a transaction that does not hold. */
export interface FailedCondition {
  /** Place in the transaction's `if`. */
  readonly index: number
  readonly key: string
  /** Of the key's value as it is; null where it has none. */
  readonly etag: string | null
}

export interface ErrorDetails {
  readonly status?: number | undefined
  readonly retryAfter?: number | undefined
  readonly etag?: string | undefined
  readonly failed?: readonly FailedCondition[] | undefined
  readonly deleted?: number | undefined
  /** By its code and status where it is not given. */
  readonly isUndecided?: boolean | undefined
  readonly cause?: unknown
}

/** What went wrong with a call. */
export class KvsError extends Error {
  override readonly name = 'KvsError'
  readonly code: ErrorCode
  /** HTTP status of the answer; undefined where none came. */
  readonly status: number | undefined
  /** Seconds after which the service asks to be asked again; undefined where it does not say. */
  readonly retryAfter: number | undefined
  /** With `condition_failed`: ETag of the key's value as it is; undefined where it has none that is in the log. */
  readonly etag: string | undefined
  /** With `condition_failed` of a transaction: the conditions that do not hold. */
  readonly failed: readonly FailedCondition[] | undefined
  /** Of a `clear` that ended midway: how many keys its last attempt had deleted by then. */
  readonly deleted: number | undefined
  /**
   * Whether a write that ended in this error may have been done all the same, or may be yet, by this attempt or an
   * earlier one. Where it is false, the write was not done and will not be.
   */
  readonly isUndecided: boolean

  constructor(code: ErrorCode, message: string, details: ErrorDetails = {}) {
    super(message, details.cause === undefined ? undefined : { cause: details.cause })
    this.code = code
    this.status = details.status
    this.retryAfter = details.retryAfter
    this.etag = details.etag
    this.failed = details.failed
    this.deleted = details.deleted
    this.isUndecided = details.isUndecided ?? leavesOpen(code, details.status)
  }
}

/** The same error, of a write that an earlier attempt may have done. */
export function asUndecided(error: KvsError): KvsError {
  return new KvsError(error.code, error.message, { ...error, isUndecided: true, cause: error })
}

/** Whether a write with this answer alone may have been done. */
function leavesOpen(code: ErrorCode, status: number | undefined): boolean {
  if (status === undefined) return code === 'unreachable' || code === 'timeout'
  if (status < 500) return code === 'bad_answer'
  return !nothingDone.has(code)
}

/** Errors of 500 and more that say that nothing was done. */
const nothingDone = new Set<string>([
  'unknown_coding',
  'not_ready',
  'not_stored',
  'behind',
  'log_down',
  'too_many_connections',
  'overloaded',
  'spool_full',
  'draining',
  'loop_detected',
])
