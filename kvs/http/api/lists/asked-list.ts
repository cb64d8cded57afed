import { KvsError } from '../../../core/errors.ts'
import { hasHeader, type Request, valueHeaders } from '../../exchange/index.ts'
import { type Collection, collectionFor } from '../key-decoding.ts'
import { refuseUnmet } from '../refused-headers.ts'
import { type ListQuery, listQueryOf } from './list-query.ts'
import { formFor, type ListForm } from './list-text.ts'

/** Path below which collections are, with the slash at its end. */
export const collectionPrefix = '/v1/'

/** A list as its client asks for it. */
export interface AskedList extends Collection {
  readonly request: Request
  readonly query: ListQuery
  readonly form: ListForm
}

/**
 * Reads what a request for a list asks for, and checks that its caller reaches such keys.
 * @throws KvsError bad_key, bad_request, forbidden
 */
export function askedListOf(request: Request): AskedList {
  const collection = collectionFor(request, request.path.slice(collectionPrefix.length))
  refuseUnmet(request)
  refuseConditions(request)
  return { ...collection, request, query: listQueryOf(request.query), form: formFor(request) }
}

/** Headers of every list, but for its length and its link. */
export function listHeaders({ contentType }: ListForm, position: string): string[] {
  return ['Content-Type', contentType, 'KVS-Position', position, 'Vary', 'Accept', ...valueHeaders]
}

/** A list has neither an ETag nor a date that a condition could be about. */
function refuseConditions(request: Request): void {
  for (const name of ['If-Match', 'If-None-Match', 'If-Modified-Since', 'If-Unmodified-Since']) {
    if (!hasHeader(request, name.toLowerCase())) continue
    throw new KvsError(
      'bad_request',
      `${name} is not supported on a list, which has no ETag and no date; nothing was done`,
    )
  }
}
