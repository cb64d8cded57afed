import { makeTokenGuard } from '../../../kvs/access/token-guard.ts'
import { parseTokenSetting } from '../../../kvs/access/token-source.ts'
import { type Right, rights } from '../../../kvs/access/tokens.ts'
import { serve } from './serve.ts'

export const secretOf = (name: string) => `${name}-0123456789abcdef`
export const bearer = (name: string) => ({ authorization: `Bearer ${secretOf(name)}` })

/** Every set of rights that a token can have. */
export const combinations: readonly (readonly Right[])[] = Array.from({ length: 2 ** rights.length - 1 }, (_, bits) =>
  rights.filter((_, at) => ((bits + 1) >> at) & 1),
)
export const nameOf = (granted: readonly Right[]) => granted.join('-')
const tokens = [
  ...combinations.map((granted) => `${nameOf(granted)}:${granted.join('+')}:${secretOf(nameOf(granted))}`),
  `bounded:read+write+clear:${secretOf('bounded')}:a/,b%2C`,
].join(' ')

export const guardOf = (text: string, maxRequestRate?: number) =>
  makeTokenGuard({ tokens: parseTokenSetting('KVS_TOKENS', text).tokens, maxRequestRate })

/** A server with a token for each set of rights, named for them, and one that is called bounded. */
export const guarded = (options: Parameters<typeof serve>[0] & { maxRequestRate?: number } = {}) =>
  serve({ ...options, guard: guardOf(tokens, options.maxRequestRate) })
