import type { Position } from '../position.ts'
import type { Kind } from './kind.ts'

/** Makes a site a member of its group. The key is the address of one of its nodes. It changes no key of the store. */
export interface Join {
  readonly kind: 'join'
  readonly key: string
  /** Never there. */
  readonly deadline?: number | undefined
  readonly after?: Position | undefined
}

/** Takes a site out, in the same way. */
export interface Leave {
  readonly kind: 'leave'
  readonly key: string
  /** Never there. */
  readonly deadline?: number | undefined
  readonly after?: Position | undefined
}

export type Membership = Join | Leave

export const joinKind: Kind<Join> = {
  name: 'join',
  code: 3,
  effect: 'none',
  decode: (key) => ({ kind: 'join', key }),
  parts: () => [],
}

export const leaveKind: Kind<Leave> = {
  name: 'leave',
  code: 4,
  effect: 'none',
  decode: (key) => ({ kind: 'leave', key }),
  parts: () => [],
}
