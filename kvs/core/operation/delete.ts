import type { Position } from '../position.ts'
import type { Kind } from './kind.ts'

/** Takes the value of a key away. A delete of a key without a value is an entry all the same. */
export interface Delete {
  readonly kind: 'delete'
  readonly key: string
  /** The deadline that the delete records, as an expiry; undefined where a client asked for it. */
  readonly deadline?: number | undefined
  /** As that of a put. */
  readonly after?: Position | undefined
}

export const deleteKind: Kind<Delete> = {
  name: 'delete',
  code: 1,
  effect: 'remove',
  decode: (key, _value, _contentType, deadline, after) => ({ kind: 'delete', key, deadline, ...(after && { after }) }),
  parts: () => [],
}
