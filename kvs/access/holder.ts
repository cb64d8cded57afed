import { RateLimiter } from 'limiter'
import { KvsError, NotAdmitted } from '../errors.ts'
import type { Right, Token } from './tokens.ts'

/** Who has sent a request, as far as its token says. */
export interface TokenHolder {
  readonly name: string
  has(right: Right): boolean
  /** @throws KvsError forbidden */
  require(right: Right): void
  /** @param key decoded. @throws KvsError forbidden */
  requireKey(key: string): void
  /** Counts a request. @throws KvsError too_many_requests */
  count(): void
}

/** @param maxRate of requests a second */
export function makeHolder({ name, rights, prefixes }: Token, maxRate: number | undefined): TokenHolder {
  const limiter =
    maxRate === undefined ? undefined : new RateLimiter({ tokensPerInterval: maxRate, interval: 'second' })

  return {
    name,

    has: (right) => rights.has(right),

    require(right) {
      if (rights.has(right)) return
      throw forbidden(
        `the token ${name} has no right to ${verbs[right]}: its rights are ${[...rights].join(', ')}`,
        right,
      )
    },

    requireKey(key) {
      if (prefixes === undefined || prefixes.some((prefix) => key.startsWith(prefix))) return
      const shown = prefixes.map((prefix) => JSON.stringify(prefix)).join(' or ')
      throw forbidden(`the token ${name} does not reach this key: its keys begin with ${shown}`)
    },

    count() {
      if (limiter === undefined || limiter.tryRemoveTokens(1)) return
      throw new KvsError('too_many_requests', `the token ${name} has sent its ${maxRate} requests of this second`)
    },
  }
}

const verbs = { read: 'read', write: 'write', admin: 'administer' } as const satisfies Record<Right, string>

function forbidden(message: string, scope?: Right): NotAdmitted {
  return new NotAdmitted(
    'forbidden',
    message,
    scope === undefined ? 'error="insufficient_scope"' : `error="insufficient_scope", scope="${scope}"`,
  )
}
