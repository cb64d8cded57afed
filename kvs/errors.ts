/**
 * The catalogue: every error a client can see, with its HTTP status, the default sentence, and when it is returned.
 * The README's table of errors is held against it by a test.
 */
export const catalogue = {
  bad_key: { status: 400, message: 'the key is not valid', when: 'the key breaks one of the rules for keys' },
  bad_request: {
    status: 400,
    message: 'the request is not valid',
    when: 'the request is not HTTP that this service takes',
  },
  no_such_key: { status: 404, message: 'no such key', when: 'the key has no value' },
  no_such_page: {
    status: 404,
    message: 'no such page: keys live under /v1/',
    when: 'the path is none of the service’s',
  },
  method_not_allowed: {
    status: 405,
    message: 'this method is not allowed here',
    when: 'the path takes other methods, which Allow names',
  },
  too_slow: { status: 408, message: 'the request took too long to arrive', when: 'headers or body arrive too slowly' },
  value_too_large: { status: 413, message: 'the value is too large', when: 'a value is over KVS_MAX_VALUE_BYTES' },
  headers_too_large: {
    status: 431,
    message: 'the request line and headers are too large',
    when: 'they are over KVS_MAX_HEADER_BYTES',
  },
  internal: { status: 500, message: 'an unexpected error; see the log', when: 'the service has a defect' },
  not_ready: {
    status: 503,
    message: 'the log is not replayed yet',
    when: 'the node is starting or replaying; nothing was done',
  },
  not_stored: {
    status: 503,
    message: 'the log can’t be written now; nothing was stored',
    when: 'a write is known not to be stored, and never will be',
  },
  undecided: {
    status: 503,
    message: 'no answer came from the log; the write may or may not have been stored, or may be yet',
    when: 'a write may be stored, or may be yet; it is so once or never',
  },
  overloaded: {
    status: 503,
    message: 'too many writes are waiting or being received; nothing was stored',
    when: 'KVS_MAX_WAITING_WRITES or KVS_MAX_WAITING_BYTES is reached',
  },
  spool_full: {
    status: 503,
    message: 'the spool has no room for the write (KVS_SPOOL_MAX_BYTES); nothing was stored',
    when: 'the log is down, and KVS_SPOOL_MAX_BYTES is reached or the disk under the spool is full',
  },
  draining: {
    status: 503,
    message: 'the node is shutting down; nothing was stored',
    when: 'the node has been told to stop; nothing was done',
  },
} as const satisfies Record<string, { status: number; message: string; when: string }>

export type ErrorCode = keyof typeof catalogue

/** An error for a client. Its message is one sentence that says what was wrong and, where it can, what would be right. */
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
