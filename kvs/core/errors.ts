import { catalogue, type ErrorCode } from './error-catalogue.ts'

export { catalogue, type ErrorCode }

/**
 * An error for a client. Its message is one sentence that says what was wrong and, where it can, what would be right.
 */
export class KvsError extends Error {
  override readonly name = 'KvsError'
  readonly code: ErrorCode

  constructor(code: ErrorCode, message: string = catalogue[code].message, options?: ErrorOptions) {
    super(message, options)
    this.code = code
  }

  get status(): number {
    return catalogue[this.code].status
  }
}

/** A write's precondition did not hold, and nothing was stored. */
export class ConditionFailed extends KvsError {
  /** Tag of the key's current value; undefined where it has no value, or one that is not in the log. */
  readonly tag: string | undefined

  constructor(tag: string | undefined, message?: string) {
    super('condition_failed', message)
    this.tag = tag
  }
}

/** The key belongs to another member of the ring, and nothing was done. */
export class NotOwner extends KvsError {
  /** The version of the ring that this node goes by, as in the header KVS-Ring. */
  readonly ring: string

  constructor(ring: string, message?: string) {
    super('not_owner', message)
    this.ring = ring
  }
}

/** The caller is unknown (401), or lacks the right (403); nothing was done. */
export class NotAdmitted extends KvsError {
  /** Value of the header WWW-Authenticate (RFC 6750, 3). */
  readonly challenge: string

  constructor(code: 'unauthorized' | 'forbidden', message?: string, detail?: string) {
    super(code, message)
    this.challenge = `Bearer realm="kvs"${detail === undefined ? '' : `, ${detail}`}`
  }
}
