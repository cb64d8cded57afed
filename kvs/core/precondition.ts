/** What must hold of a key for a request to be done (RFC 9110, 13.1). Tags are those of `Version`. */
export interface Precondition {
  /** Holds where the key's value has one of these tags; '*' holds where there is a value at all. */
  readonly ifMatch?: '*' | readonly string[] | undefined
  /** Holds where the key's value has none of these tags; '*' holds where there is no value. */
  readonly ifNoneMatch?: '*' | readonly string[] | undefined
}

/** The value that a key has. */
export interface Current {
  /** Undefined while the value is not in the log. */
  readonly tag: string | undefined
}

/**
 * Whether the precondition holds.
 * @param current undefined where the key has no value
 */
export function holds({ ifMatch, ifNoneMatch }: Precondition, current: Current | undefined): boolean {
  if (ifMatch !== undefined && !matches(ifMatch, current)) return false
  return ifNoneMatch === undefined || !matches(ifNoneMatch, current)
}

function matches(wanted: '*' | readonly string[], current: Current | undefined): boolean {
  if (current === undefined || wanted === '*') return current !== undefined
  return current.tag !== undefined && wanted.includes(current.tag)
}
