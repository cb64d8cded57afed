/** What a client asked for: the content of an entry before the log gave it a place. */
export type Write =
  | { readonly kind: 'put'; readonly key: string; readonly value: Buffer; readonly contentType: string | undefined }
  | { readonly kind: 'delete'; readonly key: string }

/** A write with its place in the log. */
export interface Entry {
  readonly sequence: bigint
  /** Of the log up to and with the batch this entry came in: equal digests prove the same past. */
  readonly digest: Buffer
  readonly write: Write
}

/** How far a log has been applied. */
export interface Position {
  readonly sequence: bigint
  readonly digest: Buffer
}

/** What a write weighs in the bounds on waiting writes and on a batch, in bytes; never 0. */
export function weight(write: Write): number {
  const fixed = 64 + 2 * write.key.length
  return write.kind === 'put' ? fixed + write.value.length : fixed
}
