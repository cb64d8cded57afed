import { TokenBucket } from 'limiter'
import { KvsError, NotAdmitted } from '../core/errors.ts'
import type { Right, Token } from './tokens.ts'

/** The caller that a token authenticates. */
export interface TokenHolder {
  readonly name: string
  has(right: Right): boolean
  /** @throws KvsError forbidden */
  require(right: Right): void
  /**
   * @param key the decoded key
   * @throws KvsError forbidden
   */
  requireKey(key: string): void
  /**
   * The keys that begin with `prefix` and that the holder reaches, as the prefixes that they begin with. No key begins
   * with two of these; the only one is `prefix` itself where the holder reaches all of the keys.
   * @param prefix decoded
   * @throws KvsError forbidden where it reaches none of them, whether there are any or not
   */
  prefixesWithin(prefix: string): readonly string[]
  /**
   * Counts a request against the rate.
   * @throws KvsError too_many_requests
   */
  count(): void
}

/** @param maxRate maximal requests a second; undefined for unlimited */
export function makeHolder({ name, rights, prefixes }: Token, maxRate: number | undefined): TokenHolder {
  const bucket = maxRate === undefined ? undefined : fullBucket(maxRate)

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
      throw forbidden(`the token ${name} does not reach this key: its keys begin with ${quoted(prefixes)}`)
    },

    prefixesWithin(prefix) {
      if (prefixes === undefined || prefixes.some((own) => prefix.startsWith(own))) return [prefix]
      const within = prefixes.filter((own) => own.startsWith(prefix))
      if (within.length > 0) return outermost(within)
      throw forbidden(
        `the token ${name} reaches no key that begins with ${JSON.stringify(prefix)}: its keys begin with ` +
          quoted(prefixes),
      )
    },

    count() {
      if (bucket === undefined || bucket.tryRemoveTokens(1)) return
      throw new KvsError('too_many_requests', `the token ${name} sends more than its ${maxRate} requests a second`)
    },
  }
}

/** A bucket that starts full and refills evenly: it is full again after a second without requests. */
function fullBucket(rate: number): TokenBucket {
  const bucket = new TokenBucket({ bucketSize: rate, tokensPerInterval: rate, interval: 'second' })
  bucket.content = rate
  return bucket
}

/** Those that begin with no other one, each once. */
function outermost(prefixes: readonly string[]): string[] {
  return [...new Set(prefixes)].filter((one) => !prefixes.some((other) => other !== one && one.startsWith(other)))
}

function quoted(prefixes: readonly string[]): string {
  return prefixes.map((prefix) => JSON.stringify(prefix)).join(' or ')
}

const verbs = {
  read: 'read',
  write: 'write',
  clear: 'clear',
  replicate: 'replicate',
  admin: 'administer',
} as const satisfies Record<Right, string>

function forbidden(message: string, scope?: Right): NotAdmitted {
  return new NotAdmitted(
    'forbidden',
    message,
    scope === undefined ? 'error="insufficient_scope"' : `error="insufficient_scope", scope="${scope}"`,
  )
}
