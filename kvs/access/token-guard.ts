import { hash, randomBytes } from 'node:crypto'
import { NotAdmitted } from '../core/errors.ts'
import { makeHolder, type TokenHolder } from './token-holder.ts'
import { digestOf, type Token } from './tokens.ts'

export interface GuardOptions {
  readonly tokens: readonly Token[]
  /** Maximal requests a second for each token; undefined for unlimited. */
  readonly maxRequestRate: number | undefined
}

/** Authenticates requests by their bearer tokens. */
export interface TokenGuard {
  /**
   * Returns the holder of the token in an Authorization header, and counts a request against its rate.
   * @param connection the connection of the request: repeating its last header costs less
   * @throws KvsError unauthorized, too_many_requests
   */
  admit(authorization: string | undefined, connection: object): TokenHolder
  /** Returns the holder of the token without counting a request; undefined when the token is not valid. */
  recognise(authorization: string | undefined): TokenHolder | undefined
  /** Replaces the valid tokens, for open connections too. */
  replace(tokens: readonly Token[]): void
}

/** The last header that a connection was admitted with. */
interface Admission {
  readonly authorization: string
  readonly holder: TokenHolder
}

/**
 * The guard keeps digests of tokens only. It looks them up under a second digest with a secret of this process, so that
 * the time of a lookup reveals nothing about a token. A repeated header is recognised by a comparison in constant time,
 * which saves the two digests. That is safe for a connection that a proxy shares between clients, because every header
 * is compared as a whole.
 */
export function makeTokenGuard({ tokens, maxRequestRate }: GuardOptions): TokenGuard {
  const secret = randomBytes(32).toString('hex')
  const lookupKey = (digest: string) => hash('sha256', secret + digest, 'hex')
  const makeHolders = (tokens: readonly Token[]) =>
    new Map(tokens.map((token) => [lookupKey(token.digest), makeHolder(token, maxRequestRate)]))
  let holders = makeHolders(tokens)
  let admissions = new WeakMap<object, Admission>()

  function recognise(authorization: string | undefined): TokenHolder | undefined {
    const token = bearerToken(authorization)
    return token === undefined ? undefined : holders.get(lookupKey(digestOf(token)))
  }

  function findHolder(authorization: string | undefined, connection: object): TokenHolder {
    const last = admissions.get(connection)
    if (last !== undefined && authorization !== undefined && isEqual(last.authorization, authorization))
      return last.holder
    const holder = recognise(authorization)
    if (holder === undefined || authorization === undefined) throw invalidTokenError(authorization)
    admissions.set(connection, { authorization, holder })
    return holder
  }

  return {
    admit(authorization, connection) {
      const holder = findHolder(authorization, connection)
      holder.count()
      return holder
    },

    recognise,

    replace(tokens) {
      holders = makeHolders(tokens)
      admissions = new WeakMap()
    },
  }
}

/** Compares in a time that depends on the lengths alone. */
function isEqual(one: string, other: string): boolean {
  let difference = one.length ^ other.length
  for (let at = 0; at < one.length; at++) difference |= one.charCodeAt(at) ^ other.charCodeAt(at)
  return difference === 0
}

const scheme = 'bearer '

function bearerToken(authorization: string | undefined): string | undefined {
  if (authorization === undefined || authorization.slice(0, scheme.length).toLowerCase() !== scheme) return undefined
  return authorization.slice(scheme.length).trim()
}

/** A request without a token gets no error code in its challenge (RFC 6750, 3.1). */
function invalidTokenError(authorization: string | undefined): NotAdmitted {
  if (bearerToken(authorization) === undefined) return new NotAdmitted('unauthorized')
  return new NotAdmitted('unauthorized', 'the token is none of those that are in force', 'error="invalid_token"')
}
