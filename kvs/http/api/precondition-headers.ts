import type { Found } from '../../core/entry.ts'
import { ConditionFailed, KvsError } from '../../core/errors.ts'
import { holds, type Precondition } from '../../core/precondition.ts'
import { headerOf, type Request } from '../exchange/index.ts'
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
 * Whether a read gets the value; false where the client has it already. If-Modified-Since counts where there is no
 * If-None-Match (RFC 9110, 13.2.2).
 * @throws KvsError bad_request, condition_failed
 */
export function isModified(request: Request, found: Found | undefined): boolean {
  const precondition = preconditionOf(request)
  if (precondition === undefined) return isModifiedSince(request, found)
  if (holds(precondition, found)) return precondition.ifNoneMatch !== undefined || isModifiedSince(request, found)
  if (holds({ ifMatch: precondition.ifMatch }, found)) return false
  throw new ConditionFailed(found?.tag, 'the condition does not hold')
}

/** A date has whole seconds. What is no date, and what has none, counts for nothing (RFC 9110, 13.1.3). */
function isModifiedSince(request: Request, found: Found | undefined): boolean {
  if (found?.modifiedAt === undefined) return true
  const text = headerOf(request, 'if-modified-since')
  const since = text === undefined ? undefined : parseHttpDate(text, request.clock.wallTime())
  return since === undefined || Math.floor(found.modifiedAt / 1000) * 1000 > since
}

/**
 * The Idempotency-Key, made the caller's own: nobody learns by another's key what that one wrote, or takes the key
 * away. Neither keys nor names have line breaks, so that the two parts stay apart.
 * @throws KvsError bad_request
 */
export function idempotencyKeyOf(request: Request): string | undefined {
  const { caller } = request
  const key = headerOf(request, 'idempotency-key')
  if (key === undefined) return undefined
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
