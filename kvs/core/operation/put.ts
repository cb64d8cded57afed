import type { Kind } from './kind.ts'

/** Gives a key a value. */
export interface Put {
  readonly kind: 'put'
  readonly key: string
  readonly value: Buffer
  /** Undefined where the client sent none. */
  readonly contentType: string | undefined
}

export const putKind: Kind<Put> = {
  name: 'put',
  code: 2,
  effect: 'set',
  decode: (key, value, contentType) => value && { kind: 'put', key, value, contentType },
  parts: ({ contentType, value }) => [contentType ?? '', value],
}
