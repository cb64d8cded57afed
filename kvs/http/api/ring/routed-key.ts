import { KvsError } from '../../../core/errors.ts'
import { maxKeyBytes } from '../../../core/limits.ts'
import { routedPrefix } from '../../../core/ring/key-slot.ts'
import type { Request } from '../../exchange/index.ts'
import { requireNameable } from '../key-decoding.ts'
import { type Form, textIn } from '../sites/form-body.ts'

/** Longest key that a client of the dialect can name, in bytes of UTF-8: its key in the store is longer. */
const maxBytes = maxKeyBytes - routedPrefix.length

/**
 * The key in the store of what a form has as `key`, once it is known that the caller reaches it.
 * @throws KvsError bad_request, bad_key, forbidden
 */
export function routedKeyIn(request: Request, form: Form): string {
  const text = textIn(form, 'key')
  if (text === undefined) throw new KvsError('bad_request', 'the key is missing: send key=KEY; nothing was done')
  if (text === '') throw new KvsError('bad_key', 'the key is empty')
  const bytes = Buffer.byteLength(text)
  if (bytes > maxBytes)
    throw new KvsError('bad_key', `the key has ${bytes} bytes; at most ${maxBytes} are allowed here`)
  const key = `${routedPrefix}${text}`
  requireNameable(key)
  request.telemetry.key = key
  request.caller?.requireKey(key)
  return key
}
