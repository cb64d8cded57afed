import { isUtf8 } from 'node:buffer'
import { crc32 } from 'node:zlib'
import { earlierIn, formatEarlier } from '../core/earlier-version.ts'
import type { MovedWrite } from '../core/entry.ts'
import { maxDeadline, maxKeyBytes } from '../core/limits.ts'
import { formatPosition, parsePosition } from '../core/position.ts'
import type { MovedPage } from './ring-service.ts'

/**
 * Media type of a page of keys, or of changes, between members of a ring. A line of JSON has all but the values. They
 * come after it in the order of their items, with nothing in between, and then four bytes: the CRC-32 of all before.
 */
export const movedPageType = 'application/vnd.kvs.keys; version=1'

/** A body that is no page. Its message goes on after "the page". */
export class BadMovedPage extends Error {
  override readonly name = 'BadMovedPage'
}

const checksumBytes = 4
const newline = 0x0a
const maxContentTypeLength = 255

const names = {
  head: ['position', 'last', 'items'],
  put: ['kind', 'key', 'size', 'type', 'deadline', 'earlier'],
  delete: ['kind', 'key', 'deadline', 'earlier'],
} as const

/** Leaves out what a write comes `after`: no write has that in a ring, whose logs are no sites. */
export function formatMovedPage({ position, items, last }: MovedPage): Buffer {
  const head = { position: formatPosition(position), last: last ?? null, items: items.map(itemJson) }
  const values = items.flatMap(({ write }) => (write.kind === 'put' ? [write.value] : []))
  const content = [Buffer.from(`${JSON.stringify(head)}\n`), ...values]
  const checksum = Buffer.alloc(checksumBytes)
  checksum.writeUInt32BE(content.reduce((sum, part) => crc32(part, sum), 0))
  return Buffer.concat([...content, checksum])
}

function itemJson({ write, earlier }: MovedWrite): object {
  const { kind, key, deadline = null } = write
  const rest = { deadline, earlier: formatEarlier(earlier) }
  if (kind === 'delete') return { kind, key, ...rest }
  return { kind, key, size: write.value.length, type: write.contentType ?? null, ...rest }
}

/**
 * Reads what `formatMovedPage` has made. Values are windows on `bytes`.
 * @throws BadMovedPage for anything else
 */
export function parseMovedPage(bytes: Buffer): MovedPage {
  const end = bytes.length - checksumBytes
  if (end < 0) throw new BadMovedPage(`has ${bytes.length} bytes, fewer than any`)
  if (crc32(bytes.subarray(0, end)) !== bytes.readUInt32BE(end))
    throw new BadMovedPage('is not what was sent: its checksum is another one')
  const headEnd = bytes.indexOf(newline)
  if (headEnd < 0 || headEnd >= end) throw new BadMovedPage('has no line of JSON before its values')
  const head = headIn(bytes.subarray(0, headEnd))
  const values = { bytes, at: headEnd + 1, end }
  const items = head.items.map((item, index) => itemOf(item, `items[${index}]`, values))
  if (values.at < end) throw new BadMovedPage(`has ${end - values.at} more bytes than its values`)
  return { position: head.position, items, last: head.last }
}

/** The values that are not read yet: bytes from `at` to `end`. */
interface Values {
  readonly bytes: Buffer
  at: number
  readonly end: number
}

type Members<Name extends string> = Readonly<Record<Name, unknown>>

function headIn(line: Buffer) {
  const { position, last, items } = requireNames(parsed(line), 'the head', names.head)
  const known = typeof position === 'string' ? parsePosition(position) : undefined
  if (known === undefined || known.sequences.size === 0) throw new BadMovedPage('has no position of a log')
  if (last !== null && !isKey(last)) throw new BadMovedPage('has a last key that is none')
  if (!Array.isArray(items)) throw new BadMovedPage('has no list of items')
  return { position: known, last: last ?? undefined, items: items as readonly unknown[] }
}

function parsed(line: Buffer): unknown {
  if (!isUtf8(line)) throw new BadMovedPage('has a head that is not valid UTF-8')
  try {
    return JSON.parse(line.toString())
  } catch {
    throw new BadMovedPage('has a head that is not JSON')
  }
}

function itemOf(value: unknown, place: string, values: Values): MovedWrite {
  const kind = isRecord(value) ? value.kind : undefined
  if (kind !== 'put' && kind !== 'delete') throw new BadMovedPage(`has in ${place} neither a put nor a delete`)
  const members: Members<'key' | 'deadline' | 'earlier'> = requireNames(value, place, names[kind])
  const { key, deadline } = members
  if (!isKey(key)) throw new BadMovedPage(`has in ${place} no key`)
  if (deadline !== null && !isWithin(deadline, maxDeadline)) throw new BadMovedPage(`has in ${place} no deadline`)
  const earlier = typeof members.earlier === 'string' ? earlierIn(members.earlier) : undefined
  if (earlier === undefined) throw new BadMovedPage(`has in ${place} no earlier version`)
  const common = { key, deadline: deadline ?? undefined }
  if (kind === 'delete') return { write: { kind, ...common }, earlier }
  return { write: { kind, ...common, ...contentOf(requireNames(value, place, names.put), place, values) }, earlier }
}

function contentOf({ size, type }: Members<'size' | 'type'>, place: string, values: Values) {
  const { bytes, at, end } = values
  if (type !== null && !isContentType(type)) throw new BadMovedPage(`has in ${place} no content type`)
  if (!isWithin(size, end - at)) throw new BadMovedPage(`has in ${place} a size that is none, or ends before its value`)
  values.at = at + size
  return { value: bytes.subarray(at, values.at), contentType: type ?? undefined }
}

/** A member with these names, and no others. */
function requireNames<Name extends string>(value: unknown, place: string, known: readonly Name[]): Members<Name> {
  const isKnown = isRecord(value) && Object.keys(value).length === known.length
  if (isKnown && known.every((name) => Object.hasOwn(value, name))) return value as Members<Name>
  throw new BadMovedPage(`has in ${place} others than ${known.join(', ')}`)
}

function isKey(value: unknown): value is string {
  return isText(value) && Buffer.byteLength(value) <= maxKeyBytes
}

function isContentType(value: unknown): value is string {
  return isText(value) && value.length <= maxContentTypeLength
}

/** A text that Postgres takes. */
function isText(value: unknown): value is string {
  return typeof value === 'string' && value.isWellFormed() && !value.includes('\0')
}

function isWithin(value: unknown, most: number): value is number {
  return Number.isSafeInteger(value) && (value as number) >= 0 && (value as number) <= most
}

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
