import type { Found } from '../../../core/entry.ts'
import { type ErrorCode, KvsError } from '../../../core/errors.ts'
import type { Stored } from '../../../kv/index.ts'
import type { RenderError, Reply } from '../../exchange/index.ts'
import { spooled } from '../dialect.ts'
import { jsonAnswer, shownAsJson } from '../json-answer.ts'

/** What a client depends on once it has an answer. */
export interface Seen {
  /** As text for a header. */
  readonly position: string
  readonly payload: string
}

/** An error whose answer has a payload. */
export class PayloadError extends KvsError {
  readonly payload: string

  constructor(code: ErrorCode, message: string, payload: string) {
    super(code, message)
    this.payload = payload
  }
}

export const outOfDate = (payload: string) => new PayloadError('bad_position', 'Payload out of date', payload)
export const missing = ({ payload }: Seen) => new PayloadError('no_such_key', 'Key does not exist', payload)

/** `{"result":"Error","msg":…}`, and the payload where there is one. */
export const renderAsResult: RenderError = (error) => {
  const payload = error instanceof PayloadError ? error.payload : undefined
  return ['application/json', JSON.stringify({ result: 'Error', msg: error.message, payload })]
}

/**
 * A value as a JSON string. Bytes that are not UTF-8, which may have come by /v1, show as U+FFFD.
 * @throws KvsError value_too_large
 */
export function foundAnswer({ value, tag }: Found, { position, payload }: Seen): Reply {
  const text = shownAsJson(() => JSON.stringify({ result: 'Success', value: value.toString(), payload }))
  return jsonAnswer(200, text, position, tag === undefined ? spooled : ['ETag', `"${tag}"`])
}

export function searchAnswer(isExists: boolean, { position, payload }: Seen): Reply {
  return jsonAnswer(200, JSON.stringify({ isExists, result: 'Success', payload }), position, [])
}

/** The status says 200 for a new key and 201 for one that had a value, which is the assignment's order. */
export function storedAnswer(stored: Stored, { position, payload }: Seen): Reply {
  if (stored === 'spooled') {
    return jsonAnswer(202, JSON.stringify({ replaced: false, msg: accepted, payload }), position, spooled)
  }
  const { replaced, tag } = stored
  const text = JSON.stringify({ replaced, msg: replaced ? 'Updated successfully' : 'Added successfully', payload })
  return jsonAnswer(replaced ? 201 : 200, text, position, ['ETag', `"${tag}"`])
}

/** @throws PayloadError no_such_key where there was no value */
export function deletedAnswer(stored: Stored, seen: Seen): Reply {
  const { position, payload } = seen
  if (stored === 'spooled') {
    return jsonAnswer(202, JSON.stringify({ result: 'Success', msg: accepted, payload }), position, spooled)
  }
  if (!stored.replaced) throw missing(seen)
  return jsonAnswer(200, JSON.stringify({ result: 'Success', msg: 'Key deleted', payload }), position, [])
}

const accepted = 'Accepted: stored on this node until its log is back'
