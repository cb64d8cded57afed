import { hash, randomBytes } from 'node:crypto'
import { NotAdmitted } from '../core/errors.ts'
import { makeHolder, type TokenHolder } from './token-holder.ts'
import { digestOf, type Token } from './tokens.ts'

export interface GuardOptions {
  readonly tokens: readonly Token[]
  /** Of requests a second, for each token; undefined: unlimited. */
  readonly maxRequestRate: number | undefined
}

/** Knows who holds which token. */
export interface TokenGuard {
  /**
   * Whom an Authorization header names.
   * @param connection what it has come over
   * @throws KvsError unauthorized, too_many_requests
   */
  admit(authorization: string | undefined, connection: object): TokenHolder
  /** The same where nothing is refused: undefined where it names nobody. Counts for no rate. */
  recognise(authorization: string | undefined): TokenHolder | undefined
  /** From now on these are in force, on connections that are open as well. */
  replace(tokens: readonly Token[]): void
}

interface Admission {
  readonly authorization: string
  readonly holder: TokenHolder
}

/**
 * Tokens are kept as digests only, each found under a second digest that takes a secret of this process: how long a search
 * takes tells nothing of what was nearly right. Nor does the comparison with what a connection, which a proxy may share
 * between its clients, was last admitted by; it saves a client that sends the same again the two digests.
 */
export function makeGuard({ tokens, maxRequestRate }: GuardOptions): TokenGuard {
  const secret = randomBytes(32).toString('hex')
  const placeOf = (digest: string) => hash('sha256', secret + digest, 'hex')
  const holdersOf = (tokens: readonly Token[]) =>
    new Map(tokens.map((token) => [placeOf(token.digest), makeHolder(token, maxRequestRate)]))
  let holders = holdersOf(tokens)
  let admissions = new WeakMap<object, Admission>()

  function recognise(authorization: string | undefined): TokenHolder | undefined {
    const token = tokenIn(authorization)
    return token === undefined ? undefined : holders.get(placeOf(digestOf(token)))
  }

  function holderOf(authorization: string | undefined, connection: object): TokenHolder {
    const last = admissions.get(connection)
    if (last !== undefined && authorization !== undefined && isSame(last.authorization, authorization))
      return last.holder
    const holder = recognise(authorization)
    if (holder === undefined || authorization === undefined) throw refusalOf(authorization)
    admissions.set(connection, { authorization, holder })
    return holder
  }

  return {
    admit(authorization, connection) {
      const holder = holderOf(authorization, connection)
      holder.count()
      return holder
    },

    recognise,

    replace(tokens) {
      holders = holdersOf(tokens)
      admissions = new WeakMap()
    },
  }
}

/** In a time that depends on their lengths alone. */
function isSame(one: string, other: string): boolean {
  let difference = one.length ^ other.length
  for (let at = 0; at < one.length; at++) difference |= one.charCodeAt(at) ^ other.charCodeAt(at)
  return difference === 0
}

const scheme = 'bearer '

function tokenIn(authorization: string | undefined): string | undefined {
  if (authorization === undefined || authorization.slice(0, scheme.length).toLowerCase() !== scheme) return undefined
  return authorization.slice(scheme.length).trim()
}

/** RFC 6750, 3.1: who has not tried to say who they are is told no error. */
function refusalOf(authorization: string | undefined): NotAdmitted {
  if (tokenIn(authorization) === undefined) return new NotAdmitted('unauthorized')
  return new NotAdmitted('unauthorized', 'the token is none of those that are in force', 'error="invalid_token"')
}
