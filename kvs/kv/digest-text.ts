import { formatPosition, type Position, parsePosition } from '../core/position.ts'
import { bucketCount, type Fingerprint, type Unlike } from './digests.ts'

/** Most fingerprints of one request. */
export const mostFingerprints = 500
/** Largest body of a request with fingerprints, in bytes: as many of the longest keys, and some more. */
export const maxFingerprintBytes = 1024 * 1024

/** A body that is not in the format. Its message goes on after "the body" or "the answer". */
export class BadDigestText extends Error {
  override readonly name = 'BadDigestText'
}

export function formatDigests(digests: readonly string[]): string {
  return digests.join('\n')
}

/** In place of digests: why they do not come, told when the head of the answer is out already. */
export function formatDigestsError(sentence: string): string {
  return `${errorMark}${sentence}`
}

const errorMark = 'error: '

/** @throws BadDigestText */
export function parseDigests(text: string): readonly string[] {
  if (text.startsWith(errorMark)) throw new BadDigestText(`ends without digests: ${text.slice(errorMark.length, 300)}`)
  const digests = text.split('\n')
  if (digests.length !== bucketCount) throw new BadDigestText(`has no ${bucketCount} digests, a line each`)
  if (digests.every((digest) => /^[0-9a-f]{16}$/.test(digest))) return digests
  throw new BadDigestText('has a digest that is not of 16 hexadecimal digits')
}

/** A line for each, `STAMP ORIGIN CHECKSUM KEY`, with the checksum in hexadecimal and the key in base64url. */
export function formatFingerprints(fingerprints: readonly Fingerprint[]): string {
  return fingerprints
    .map(
      ({ key, stamp, origin, checksum }) =>
        `${stamp} ${origin} ${checksum.toString(16).padStart(8, '0')} ${Buffer.from(key).toString('base64url')}`,
    )
    .join('\n')
}

const line = /^(\d{1,16}) ([0-9A-Za-z._-]{1,64}) ([0-9a-f]{8}) ([0-9A-Za-z_-]{0,1366})$/

/** @throws BadDigestText */
export function parseFingerprints(text: string): readonly Fingerprint[] {
  if (text === '') return []
  // One more than may be there says as much as all of them.
  const lines = text.split('\n', mostFingerprints + 1)
  if (lines.length > mostFingerprints) throw new BadDigestText(`has more than ${mostFingerprints} lines`)
  const keys = new Set<string>()
  return lines.map((one, index) => {
    const [, stamp, origin, checksum, key] = line.exec(one) ?? []
    if (stamp === undefined || origin === undefined || checksum === undefined || key === undefined)
      throw new BadDigestText(`has in line ${index + 1} no STAMP ORIGIN CHECKSUM KEY, with the key in base64url`)
    const name = Buffer.from(key, 'base64url').toString()
    if (keys.has(name)) throw new BadDigestText(`has in line ${index + 1} a key again; send each key once`)
    keys.add(name)
    return { key: name, stamp: Number(stamp), origin, checksum: Number.parseInt(checksum, 16) }
  })
}

/** The position, and in a second line the indices with blanks between. */
export function formatUnlike({ position, indices }: Unlike): string {
  return `${formatPosition(position)}\n${indices.join(' ')}`
}

/**
 * @param count number of fingerprints that were asked about
 * @throws BadDigestText
 */
export function parseUnlike(text: string, count: number): Unlike {
  const [first = '', second = '', ...rest] = text.split('\n', 3)
  const position: Position | undefined = parsePosition(first)
  if (position === undefined || rest.length > 0) throw new BadDigestText('is not a position and a line of indices')
  const indices = second === '' ? [] : second.split(' ', count + 1).map(asIndex)
  const areInOrder = indices.every((index, at) => index < count && index > (indices[at - 1] ?? -1))
  if (areInOrder) return { position, indices }
  throw new BadDigestText(`has indices that are not those of ${count} keys, in order`)
}

function asIndex(text: string): number {
  return /^\d{1,4}$/.test(text) ? Number(text) : Number.NaN
}
