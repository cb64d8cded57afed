import type { Found } from '../../core/entry.ts'
import { ConditionFailed, KvsError } from '../../core/errors.ts'
import { holds, type Precondition } from '../../core/precondition.ts'
import { headerOf, onlyHeaderOf, type Request } from '../exchange/index.ts'
import { parseHttpDate } from './http-date.ts'

const maxIdempotencyKeyLength = 255

/**
 * The precondition in If-Match and If-None-Match (RFC 9110, 13.1); undefined where there is none.
 * @throws KvsError bad_request
 */
export function preconditionOf(request: Request): Precondition | undefined {
  const ifMatch = headerOf(request, 'if-match')
  const ifNoneMatch = headerOf(request, 'if-none-match')
  if (ifMatch === undefined && ifNoneMatch === undefined) return undefined
  return {
    ifMatch: ifMatch === undefined ? undefined : parseTags(ifMatch, 'If-Match'),
    ifNoneMatch: ifNoneMatch === undefined ? undefined : parseTags(ifNoneMatch, 'If-None-Match'),
  }
}

/**
 * Whether a read gets the value; false where the client has it already. A date counts where there are no tags of its
 * kind: If-Unmodified-Since without If-Match, If-Modified-Since without If-None-Match (RFC 9110, 13.2.2).
 * @throws KvsError bad_request, condition_failed
 */
export function isModified(request: Request, found: Found | undefined): boolean {
  const { ifMatch, ifNoneMatch } = preconditionOf(request) ?? {}
  const isRight =
    ifMatch === undefined ? isSince(request, 'if-unmodified-since', found) !== true : holds({ ifMatch }, found)
  if (!isRight) throw new ConditionFailed(found?.tag, 'the condition does not hold')
  if (ifNoneMatch !== undefined) return holds({ ifNoneMatch }, found)
  return isSince(request, 'if-modified-since', found) !== false
}

/**
 * Whether the value was modified after the date in a header. Undefined where there is no date, or no value in the log:
 * such a condition counts for nothing (RFC 9110, 13.1.3 and 13.1.4). A date has whole seconds.
 */
function isSince(request: Request, header: string, found: Found | undefined): boolean | undefined {
  const text = headerOf(request, header)
  if (text === undefined || found?.modifiedAt === undefined) return undefined
  const date = parseHttpDate(text, request.clock.wallTime())
  return date === undefined ? undefined : Math.floor(found.modifiedAt / 1000) * 1000 > date
}

/**
 * The Idempotency-Key, made the caller's own: nobody learns by another's key what that one wrote, or takes the key
 * away. Neither keys nor names have line breaks, so that the two parts stay apart.
 * @throws KvsError bad_request
 */
export function idempotencyKeyOf(request: Request): string | undefined {
  const { caller } = request
  if (headerOf(request, 'idempotency-key') === undefined) return undefined
  const key = onlyHeaderOf(request, 'idempotency-key')
  if (key === undefined) throw new KvsError('bad_request', 'a request has one Idempotency-Key; nothing was stored')
  if (/^[ -~]+$/.test(key) && key.length <= maxIdempotencyKeyLength) return caller ? `${caller.name}\n${key}` : key
  throw new KvsError('bad_request', `an Idempotency-Key has 1 to ${maxIdempotencyKeyLength} printable ASCII characters`)
}

/** The tags without their quotes. If-Match never matches a weak one (RFC 9110, 13.1.1 and 13.1.2). */
function parseTags(text: string, name: string): '*' | readonly string[] {
  if (text.trim() === '*') return '*'
  // Empty elements count for nothing (RFC 9110, 5.6.1.2).
  if (!/^[\s,]*(W\/)?"[^"]*"(\s*,[\s,]*(W\/)?"[^"]*")*[\s,]*$/.test(text)) {
    throw new KvsError(
      'bad_request',
      `${name} takes an ETag with its quotes, like "c18e0369-12-9f86d081", several with commas, or *`,
    )
  }
  const tags = text.matchAll(/(W\/)?"([^"]*)"/g)
  const counted = [...tags].filter(([, weak]) => weak === undefined || name === 'If-None-Match')
  return counted.map(([, , tag = '']) => tag)
}
