/**
 * The sequence in an ETag of the service's. A client has no use for it, to whom a tag is opaque; a test compares it
 * with the log. Undefined where there is no tag; throws where it is none of the service's.
 */
export function sequenceIn(etag: string | null | undefined): bigint | undefined {
  if (etag === null || etag === undefined) return undefined
  const [, digits] = /^"[0-9a-f]{8}-(\d+)-[0-9a-f]{8}"$/.exec(etag) ?? []
  if (digits === undefined) throw new Error(`${etag} is no ETag of the service’s`)
  return BigInt(digits)
}

/** The same of an answer to `fetch`. */
export function sequenceOf({ headers }: Pick<Response, 'headers'>): bigint | undefined {
  return sequenceIn(headers.get('etag'))
}
