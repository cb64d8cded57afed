import type { Position } from '../position.ts'
import type { Kind } from './kind.ts'

/** Gives a key a value. */
export interface Put {
  readonly kind: 'put'
  readonly key: string
  readonly value: Buffer
  /** Undefined where the client sent none. */
  readonly contentType: string | undefined
  /**
   * When the key ends by itself: milliseconds since 1970 by the log server's clock, from 0 through `maxDeadline`;
   * undefined for never.
   */
  readonly deadline?: number | undefined
  /** What the client had seen and the log that took the write had not; undefined where the log had all of that. */
  readonly after?: Position | undefined
}

export const putKind: Kind<Put> = {
  name: 'put',
  code: 2,
  effect: 'set',
  decode: (key, value, contentType, deadline, after) =>
    value && { kind: 'put', key, value, contentType, deadline, ...(after && { after }) },
  parts: ({ contentType, value }) => [contentType ?? '', value],
}
