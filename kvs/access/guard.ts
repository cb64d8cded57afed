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
 * Tokens are kept as digests only, and a search compares digests only: how long it takes tells nothing of how nearly right
 * a token was, since what is nearly right has another digest altogether. Besides, V8 finds a text by a hash with a random
 * seed of this process, and looks at no text whose hash is another. With a second digest, of the first and a secret, a GET
 * took 3 µs more; a comparison with each token in turn takes longer with each.
 */
export function makeGuard({ tokens, maxRequestRate }: GuardOptions): TokenGuard {
  const holdersOf = (tokens: readonly Token[]) =>
    new Map(tokens.map((token) => [token.digest, makeHolder(token, maxRequestRate)]))
  let holders = holdersOf(tokens)

  function recognise(authorization: string | undefined): TokenHolder | undefined {
    const token = tokenIn(authorization)
    return token === undefined ? undefined : holders.get(digestOf(token))
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
