/**
 * The catalogue: every error a client can see, with its HTTP status, the default sentence, and when it is returned.
 * The table of errors in docs/api.md is held against it by a test.
 */
export const catalogue = {
  bad_key: { status: 400, message: 'the key is not valid', when: 'the key breaks one of the rules for keys' },
  bad_request: {
    status: 400,
    message: 'the request is not valid',
    when: 'the request is not HTTP that this service takes',
  },
  bad_position: {
    status: 400,
    message: 'the position is not valid',
    when: 'KVS-Min-Position is no position, or one of another log',
  },
  bad_digest: {
    status: 400,
    message: 'the value does not have the digest that its headers tell; nothing was stored',
    when: 'Content-Digest, Repr-Digest, Digest or Content-MD5 is not that of what arrived, or can’t be checked',
  },
  unauthorized: {
    status: 401,
    message: 'this needs a token: send the header "Authorization: Bearer TOKEN"',
    when: 'tokens are in force, and the request has none of them',
  },
  forbidden: {
    status: 403,
    message: 'the token does not allow this',
    when: 'the token lacks the right, or the key begins with none of its prefixes',
  },
  certificate_required: {
    status: 403,
    message: 'this service serves only clients that show a certificate of its CA (KVS_TLS_CLIENT_CA)',
    when: 'KVS_TLS_CLIENT_CA is set, and the client has no certificate of it that is valid',
  },
  cross_origin: {
    status: 403,
    message: 'a web page of another origin may not ask this service, since it asks nobody for a token',
    when: 'there are no tokens, and a browser asks for a web page of another origin',
  },
  clear_not_allowed: {
    status: 403,
    message:
      'keys are cleared with a token that has the right clear or, where there are no tokens, with ' +
      'KVS_ALLOW_CLEAR=true; nothing was deleted',
    when: 'there are no tokens, and a DELETE of all keys with a prefix needs KVS_ALLOW_CLEAR=true',
  },
  no_such_key: { status: 404, message: 'no such key', when: 'the key has no value' },
  no_such_page: {
    status: 404,
    message: 'no such page: keys live under /v1/',
    when: 'the path is none of the service’s',
  },
  method_not_allowed: {
    status: 405,
    message: 'this method is not allowed here: GET, HEAD, PUT, DELETE and POST are; a value is stored with PUT',
    when: 'the path takes other methods, which Allow names',
  },
  too_slow: { status: 408, message: 'the request took too long to arrive', when: 'headers or body arrive too slowly' },
  not_a_number: {
    status: 409,
    message: 'the value is no integer; nothing was stored',
    when: 'add, min or max meets a value that is no integer of 64 bits in decimal digits',
  },
  out_of_range: {
    status: 409,
    message: 'the result is out of the range of 64 bits; nothing was stored',
    when: 'the result of add is below -2^63 or above 2^63 - 1',
  },
  went_back: {
    status: 409,
    message: 'the log lacks what another site has taken over from it',
    when: 'another site has entries of this log that the log does not have: it was restored, or is another one',
  },
  removed: {
    status: 409,
    message: 'this site was taken out of its group',
    when: 'another site asks for the log of a site that was taken out of the group, or somebody changes the group there',
  },
  ring_conflict: {
    status: 409,
    message: 'the ring can’t be changed so; nothing was changed',
    when: 'a change of the ring does not go with the ring as it is, was called off, or is over',
  },
  confirmation_needed: {
    status: 409,
    message: 'this is done only where it is confirmed; nothing was changed',
    when: 'members are to be taken out of the ring without their keys: the answer says what that does, and how to confirm it',
  },
  several_owners: {
    status: 409,
    message: 'the keys of a transaction belong to several members of the ring; nothing was stored',
    when: 'the keys of a transaction belong to several members of the ring; the answer names them',
  },
  condition_failed: {
    status: 412,
    message: 'the condition does not hold; nothing was stored',
    when:
      'If-Match or If-None-Match does not hold of the key as it is, and ETag says what it is at; or a condition of a ' +
      'transaction does not hold',
  },
  value_too_large: {
    status: 413,
    message: 'the value is too large',
    when: 'a value, or the body of a DELETE, is over KVS_MAX_VALUE_BYTES, or a value is too large to be shown as JSON',
  },
  transaction_too_large: {
    status: 413,
    message: 'the transaction is too large; nothing was stored',
    when: 'a transaction has over 1,000 operations or conditions, 4 MiB of values, or 8 MiB of JSON',
  },
  unsupported_encoding: {
    status: 415,
    message: 'a value is taken without a Content-Encoding: send it as it is to be stored; nothing was stored',
    when: 'a PUT has a Content-Encoding beside identity',
  },
  misdirected: {
    status: 421,
    message:
      'without tokens, and on the loopback, the service answers only to localhost or an IP address in Host ' +
      '(docs/tls.md)',
    when: 'there are no tokens, the node listens on loopback, and Host is neither localhost nor an IP address',
  },
  not_owner: {
    status: 421,
    message: 'the key belongs to another member of the ring; nothing was done',
    when:
      'a request is not to be passed on, since it has the header KVS-Ring, and its key is another member’s, or the ' +
      'node is in no ring',
  },
  idempotency_key_reused: {
    status: 422,
    message: 'this Idempotency-Key was used for another request; nothing was stored',
    when: 'an Idempotency-Key comes again with another request',
  },
  too_many_requests: {
    status: 429,
    message: 'too many requests a second',
    when: 'the token is over KVS_MAX_REQUEST_RATE; nothing was done',
  },
  headers_too_large: {
    status: 431,
    message: 'the request line and headers are too large',
    when: 'they are over KVS_MAX_HEADER_BYTES',
  },
  internal: { status: 500, message: 'an unexpected error; see the log', when: 'the service has a defect' },
  unknown_coding: {
    status: 501,
    message: 'the only Transfer-Encoding that is taken is chunked',
    when: 'the body has a Transfer-Encoding beside chunked',
  },
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
  behind: {
    status: 503,
    message: 'this node has not applied KVS-Min-Position yet; nothing was done',
    when: 'the node did not get to KVS-Min-Position within KVS_WAIT_TIMEOUT; nothing was done',
  },
  log_down: {
    status: 503,
    message: 'the log can’t be reached now; nothing was done',
    when:
      'a consistent read, a transaction, a counter, or a write under a condition or an Idempotency-Key needs the log, ' +
      'and it is down',
  },
  too_many_connections: {
    status: 503,
    message: 'too many connections are open; nothing was done',
    when: 'KVS_MAX_CONNECTIONS is reached; nothing was done',
  },
  overloaded: {
    status: 503,
    message: 'too many writes are waiting or being received; nothing was stored',
    when:
      'KVS_MAX_WAITING_WRITES or KVS_MAX_WAITING_BYTES is reached, the latter also by answers that clients do not ' +
      'take, or too many lists are open; nothing was done',
  },
  spool_full: {
    status: 503,
    message: 'the spool has no room for the write (KVS_SPOOL_MAX_BYTES); nothing was stored',
    when: 'the log is down, and KVS_SPOOL_MAX_BYTES is reached or the disk under the spool is full',
  },
  cannot_forward: {
    status: 503,
    message: 'Cannot forward request',
    when:
      'a forwarding node, or a member of a ring, gets no answer from the node that it asks; a write may be done, or ' +
      'may be yet',
  },
  draining: {
    status: 503,
    message: 'the node is shutting down; nothing was stored',
    when: 'the node has been told to stop; nothing was done',
  },
  loop_detected: {
    status: 508,
    message: 'the request has come back to a node that had forwarded it: look at each FORWARDING_ADDRESS',
    when: 'forwarding nodes point at each other, or one at itself',
  },
} as const satisfies Record<string, { status: number; message: string; when: string }>

export type ErrorCode = keyof typeof catalogue
