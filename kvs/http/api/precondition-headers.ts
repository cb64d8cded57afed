import type { IncomingMessage } from 'node:http'
import type { Found } from '../../core/entry.ts'
import { ConditionFailed, KvsError } from '../../core/errors.ts'
import { holds, type Precondition } from '../../core/precondition.ts'
import { type Caller, headerOf } from '../exchange/index.ts'

const maxIdempotencyKeyLength = 255

/**
 * The condition of a request, in If-Match and If-None-Match (RFC 9110, 13.1); undefined where it has none.
 * @throws KvsError bad_request
 */
export function preconditionOf(request: IncomingMessage): Precondition | undefined {
  const ifMatch = headerOf(request, 'if-match')
  const ifNoneMatch = headerOf(request, 'if-none-match')
  if (ifMatch === undefined && ifNoneMatch === undefined) return undefined
  return {
    ifMatch: ifMatch === undefined ? undefined : parseTags(ifMatch, 'If-Match'),
    ifNoneMatch: ifNoneMatch === undefined ? undefined : parseTags(ifNoneMatch, 'If-None-Match'),
  }
}

/**
 * Whether a read is answered with the value, or that it is the one that the client has.
 * @throws KvsError bad_request or condition_failed
 */
export function judgeRead(request: IncomingMessage, found: Found | undefined): 'value' | 'not modified' {
  const precondition = preconditionOf(request)
  if (precondition === undefined || holds(precondition, found)) return 'value'
  if (holds({ ifMatch: precondition.ifMatch }, found)) return 'not modified'
  throw new ConditionFailed(found?.tag, 'the condition does not hold')
}

/**
 * Each caller has keys of its own, so that none learns by another's key what that one has written, or takes it away. A
 * line break can be in no key and no name.
 * @throws KvsError bad_request
 */
export function idempotencyKeyOf(request: IncomingMessage, caller: Caller | undefined): string | undefined {
  const key = headerOf(request, 'idempotency-key')
  if (key === undefined) return undefined
  if (/^[ -~]+$/.test(key) && key.length <= maxIdempotencyKeyLength) return caller ? `${caller.name}\n${key}` : key
  throw new KvsError('bad_request', `an Idempotency-Key has 1 to ${maxIdempotencyKeyLength} printable ASCII characters`)
}

/** Without their quotes. A weak one is none that If-Match may match (RFC 9110, 13.1.1 and 13.1.2). */
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
