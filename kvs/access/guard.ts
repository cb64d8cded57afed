import { hash, randomBytes } from 'node:crypto'
import { NotAdmitted } from '../errors.ts'
import { makeHolder, type TokenHolder } from './holder.ts'
import { digestOf, type Token } from './tokens.ts'

export interface GuardOptions {
  readonly tokens: readonly Token[]
  /** Of requests a second, for each token; undefined: unlimited. */
  readonly maxRequestRate: number | undefined
}

/** Knows who holds which token. */
export interface TokenGuard {
  /** Whom an Authorization header names. @throws KvsError unauthorized, too_many_requests */
  admit(authorization: string | undefined): TokenHolder
  /** The same where nothing is refused: undefined where it names nobody. Counts for no rate. */
  recognise(authorization: string | undefined): TokenHolder | undefined
  /** From now on these are in force, on connections that are open as well. */
  replace(tokens: readonly Token[]): void
}

/**
 * Tokens are kept as digests only, each found under a second digest that takes a secret of this process: how long a search
 * takes tells nothing of what was nearly right.
 */
export function makeGuard({ tokens, maxRequestRate }: GuardOptions): TokenGuard {
  const secret = randomBytes(32).toString('hex')
  const placeOf = (digest: string) => hash('sha256', secret + digest, 'hex')
  const holdersOf = (tokens: readonly Token[]) =>
    new Map(tokens.map((token) => [placeOf(token.digest), makeHolder(token, maxRequestRate)]))
  let holders = holdersOf(tokens)

  function recognise(authorization: string | undefined): TokenHolder | undefined {
    const token = tokenIn(authorization)
    return token === undefined ? undefined : holders.get(placeOf(digestOf(token)))
  }

  return {
    admit(authorization) {
      const holder = recognise(authorization)
      if (holder === undefined) throw refusalOf(authorization)
      holder.count()
      return holder
    },

    recognise,

    replace(tokens) {
      holders = holdersOf(tokens)
    },
  }
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
