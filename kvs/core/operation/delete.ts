import type { Kind } from './kind.ts'

/** Takes the value of a key away. A delete of a key without a value is an entry all the same. */
export interface Delete {
  readonly kind: 'delete'
  readonly key: string
}

export const deleteKind: Kind<Delete> = {
  name: 'delete',
  code: 1,
  effect: 'remove',
  decode: (key) => ({ kind: 'delete', key }),
  parts: () => [],
}
