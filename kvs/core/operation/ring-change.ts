import type { Position } from '../position.ts'
import type { Kind } from './kind.ts'

/** What the log owns of a ring from here on. The key is a `RingEntry` as text. It changes no key of the store. */
export interface RingChange {
  readonly kind: 'ring'
  readonly key: string
  /** Never there. */
  readonly deadline?: number | undefined
  readonly after?: Position | undefined
}

export const ringKind: Kind<RingChange> = {
  name: 'ring',
  code: 5,
  effect: 'none',
  decode: (key) => ({ kind: 'ring', key }),
  parts: () => [],
}
