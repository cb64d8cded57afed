/** What must hold of a key for a request to be done (RFC 9110, 13.1). Sequences are those of the entry that set its value. */
export interface Precondition {
  /** Holds where the value is one of these, or with '*' where there is one. */
  readonly ifMatch?: '*' | readonly bigint[] | undefined
  /** Holds where the value is none of these, or with '*' where there is none. */
  readonly ifNoneMatch?: '*' | readonly bigint[] | undefined
}

/** @param current the sequence of the key's value; undefined where it has none */
export function holds({ ifMatch, ifNoneMatch }: Precondition, current: bigint | undefined): boolean {
  if (ifMatch !== undefined && !matches(ifMatch, current)) return false
  return ifNoneMatch === undefined || !matches(ifNoneMatch, current)
}

function matches(wanted: '*' | readonly bigint[], current: bigint | undefined): boolean {
  return current !== undefined && (wanted === '*' || wanted.includes(current))
}
