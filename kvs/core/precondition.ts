/** What must hold of a key for a request to be done (RFC 9110, 13.1). The tags are those of versions of its value. */
export interface Precondition {
  /** Holds where the value is one of these, or with '*' where there is one. */
  readonly ifMatch?: '*' | readonly string[] | undefined
  /** Holds where the value is none of these, or with '*' where there is none. */
  readonly ifNoneMatch?: '*' | readonly string[] | undefined
}

/** What a key has: a value, which has no tag as long as it is not in the log. */
export interface Current {
  readonly tag: string | undefined
}

/** @param current undefined where the key has no value */
export function holds({ ifMatch, ifNoneMatch }: Precondition, current: Current | undefined): boolean {
  if (ifMatch !== undefined && !matches(ifMatch, current)) return false
  return ifNoneMatch === undefined || !matches(ifNoneMatch, current)
}

function matches(wanted: '*' | readonly string[], current: Current | undefined): boolean {
  if (current === undefined || wanted === '*') return current !== undefined
  return current.tag !== undefined && wanted.includes(current.tag)
}
