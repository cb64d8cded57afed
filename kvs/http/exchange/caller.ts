import { lacksCertificate, type Right } from '../../access/index.ts'
import { onlyHeaderOf } from './headers.ts'
import type { Request } from './request.ts'

/** Who sent a request. */
export interface Caller {
  readonly name: string
  has(right: Right): boolean
  /** @throws KvsError forbidden */
  require(right: Right): void
  /** @param key decoded. @throws KvsError forbidden */
  requireKey(key: string): void
  /**
   * The keys that begin with `prefix` and that the caller reaches, as the prefixes that they begin with. No key begins
   * with two of these; the only one is `prefix` itself where the caller reaches all of the keys.
   * @param prefix decoded
   * @throws KvsError forbidden where it reaches none of them, whether there are any or not
   */
  prefixesWithin(prefix: string): readonly string[]
}

/** Authenticates callers by their tokens. */
export interface Guard {
  /**
   * @param connection that the header came over
   * @throws KvsError unauthorized, too_many_requests
   */
  admit(authorization: string | undefined, connection: object): Caller
  /** Returns undefined for a caller that it does not know; refuses nobody. */
  recognise(authorization: string | undefined): Caller | undefined
}

/** The right that each method on a key asks for, in every dialect. A count, by POST, asks for `read` as well. */
export const keyRights: Readonly<Record<string, Right>> = {
  GET: 'read',
  HEAD: 'read',
  PUT: 'write',
  DELETE: 'write',
  POST: 'write',
}

/**
 * The right that each method on a collection asks for: the keys that begin with a prefix. A transaction, by POST, may
 * ask for `read` as well.
 */
export const collectionRights: Readonly<Record<string, Right>> = {
  GET: 'read',
  HEAD: 'read',
  DELETE: 'clear',
  POST: 'write',
}

/** Undefined also where there are several: nobody chooses between them. */
export function authorizationOf(request: Request): string | undefined {
  return onlyHeaderOf(request, 'authorization')
}

/** Whether a page that is open to all may show the node's details to this request. */
export function maySeeDetails(request: Request, guard: Guard | undefined): boolean {
  if (lacksCertificate(request.connection)) return false
  return guard === undefined || guard.recognise(authorizationOf(request))?.has('admin') === true
}
