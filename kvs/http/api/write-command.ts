import type { Write } from '../../core/entry.ts'
import { KvsError } from '../../core/errors.ts'
import type { Precondition } from '../../core/precondition.ts'
import type { Kv, Stored } from '../../kv/index.ts'
import { headerOf, type Request } from '../exchange/index.ts'
import { positionIn } from './freshness.ts'
import { type Lifetime, lifetimeOf } from './lifetime-headers.ts'
import { idempotencyKeyOf, preconditionOf } from './precondition-headers.ts'
import { refuseUnmet } from './refused-headers.ts'

/** How a write is to be done, by its request's headers. */
export interface WriteTerms {
  readonly precondition: Precondition | undefined
  readonly idempotencyKey: string | undefined
  /** When the key is to end by itself; undefined for never. */
  readonly lifetime: Lifetime | undefined
  /** KVS-Min-Position as it came: it is looked at when the whole request is there. */
  readonly minPosition: string | undefined
}

/** @throws KvsError bad_request, unsupported_encoding */
export function writeTermsOf(request: Request): WriteTerms {
  if (request.query !== '') throw new KvsError('bad_request', 'a write takes no query; a "?" in a key is written %3F')
  return termsOf(request)
}

/** The same for a request whose query says what is to be written. */
export function termsOf(request: Request): WriteTerms {
  refuseUnmet(request)
  return {
    precondition: preconditionOf(request),
    idempotencyKey: idempotencyKeyOf(request),
    lifetime: lifetimeOf(request),
    minPosition: headerOf(request, 'kvs-min-position'),
  }
}

/**
 * Writes on these terms: at once, under a precondition, after a position. Rejects as the store does, and with
 * bad_position.
 */
export function execute(store: Kv, write: Write, terms: WriteTerms): Promise<Stored> {
  return terms.minPosition === undefined
    ? writeNow(store, write, terms)
    : writeAfter(store, write, terms, terms.minPosition)
}

/** A lifetime begins here, when the whole request is there and nothing is waited for any more. */
function writeNow(store: Kv, asked: Write, { precondition, idempotencyKey, lifetime }: WriteTerms): Promise<Stored> {
  const write = lifetime === undefined ? asked : { ...asked, deadline: lifetime.deadlineAt(store.now()) }
  if (precondition === undefined && idempotencyKey === undefined) return store.write(write)
  return store.writeIf({ write, asked: lifetime?.asked, precondition: precondition ?? {}, idempotencyKey })
}

async function writeAfter(store: Kv, write: Write, terms: WriteTerms, position: string): Promise<Stored> {
  const after = await store.dependencyOn(positionIn(position))
  return writeNow(store, after === undefined ? write : { ...write, after }, terms)
}
