/** What a client asked for: the content of an entry before the log gave it a place. */
export type Write =
  | { readonly kind: 'put'; readonly key: string; readonly value: Buffer; readonly contentType: string | undefined }
  | { readonly kind: 'delete'; readonly key: string }

/** A write with its place in the log. */
export interface Entry {
  readonly sequence: bigint
  /** Of the log up to and with the batch this entry came in: equal digests prove the same past. */
  readonly digest: Buffer
  /** Accepted by its node while the log was down, and overtaken by another node's write: without effect. */
  readonly superseded: boolean
  /** Written by this very node. */
  readonly isOwn: boolean
  readonly write: Write
}

/** An entry as it came from the log in bulk: windows on a buffer that is another entry's next. Makes no garbage. */
export interface PackedEntry {
  sequence: number
  kind: 'put' | 'delete'
  superseded: boolean
  contentType: string | undefined
  bytes: Buffer
  digestStart: number
  digestLength: number
  keyStart: number
  keyLength: number
  valueStart: number
  valueLength: number
}

/** A write that its node has accepted, durably, and that is not in the log yet. */
export interface SpooledWrite {
  /** Its place among all writes of its node, which has them reach the log in this order, each once. */
  readonly number: bigint
  /** Overtaken by another node's entry, one that the node had not seen when it accepted the write. */
  readonly superseded: boolean
  readonly write: Write
}

/** The current value of a key. */
export interface Found {
  readonly value: Buffer
  readonly contentType: string | undefined
  /** Tag of the entry that set the value, as `Version.tag`; undefined while that entry is not in the log. */
  readonly tag: string | undefined
}

/** A point in a log: the sequence of an entry, and the digest that proves the history up to it. */
export interface LogPoint {
  readonly sequence: bigint
  readonly digest: Buffer
}

/** Of UTF-8. Only an adopted log may have longer ones; no request can name them. */
export const maxKeyBytes = 1024

/** Bounds on one batch: enough to make the round trip cheap, little enough that it is short. */
export const batchLimits = { writes: 1_000, bytes: 4 * 1024 * 1024 }

/** What a write weighs in the bounds on waiting writes, on a batch and on the spool, in bytes; never 0. */
export function weight(write: Write): number {
  const fixed = 64 + 2 * write.key.length
  return write.kind === 'put' ? fixed + write.value.length : fixed
}
