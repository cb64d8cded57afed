import type { IncomingMessage } from 'node:http'
import { lacksCertificate, type Right } from '../../access/index.ts'
import { onlyHeaderOf } from './headers.ts'

/** Who has sent a request. */
export interface Caller {
  readonly name: string
  has(right: Right): boolean
  /** @throws KvsError forbidden */
  require(right: Right): void
  /** @param key decoded. @throws KvsError forbidden */
  requireKey(key: string): void
}

/** Where there is one, every caller has to be known. */
export interface Guard {
  /**
   * @param connection what the header has come over
   * @throws KvsError unauthorized, too_many_requests
   */
  admit(authorization: string | undefined, connection: object): Caller
  /** Undefined where it is nobody known; refuses nobody. */
  recognise(authorization: string | undefined): Caller | undefined
}

/** The rights that keys ask for, in every dialect. */
export const keyRights: Readonly<Record<string, Right>> = { GET: 'read', HEAD: 'read', PUT: 'write', DELETE: 'write' }

export function authorizationOf(request: IncomingMessage): string | undefined {
  return onlyHeaderOf(request, 'authorization')
}

/** Whether a request may be told how things are inside, on a page that is open to all. */
export function seesInside(request: IncomingMessage, guard: Guard | undefined): boolean {
  if (lacksCertificate(request.socket)) return false
  return guard === undefined || guard.recognise(authorizationOf(request))?.has('admin') === true
}
