import { createHash } from 'node:crypto'

/**
 * The digest of a log after a batch, by the digest before it. The same rule as `next_digest` in migrations/. It covers
 * the session, which is random, so no two histories have the same digest.
 * @param last number of the batch's last write
 */
export function nextDigest(digest: Buffer, session: string, last: bigint): Buffer {
  const number = Buffer.alloc(8)
  number.writeBigInt64BE(last)
  const hash = createHash('sha256').update(digest)
  return hash
    .update(Buffer.from(session.replaceAll('-', ''), 'hex'))
    .update(number)
    .digest()
    .subarray(0, 8)
}
