import { KvsError } from './errors.ts'
import type { Answer } from './exchange.ts'
import { dateIn, fromBase64, type Meta, textOf } from './values.ts'

export interface PageOptions {
  /** Most items of one page, 1 to 10,000; all pages together show everything. */
  readonly pageSize?: number | undefined
  /** Begins after this key, which need not exist. */
  readonly after?: string | undefined
  /** Shows all that any node acknowledged before; fails with `log_down` while the log is down. */
  readonly consistent?: boolean | undefined
}

export interface ListOptions extends PageOptions {
  /** Shows each subtree once, as a name that ends in this. */
  readonly delimiter?: string | undefined
}

/** A part of a list, all as at one moment; the next page may show a later one. */
export interface Page<T> {
  readonly items: readonly T[]
  /** Position of the state that the page shows. */
  readonly position: string
}

/** A value in a list. */
export interface ListedValue extends Meta {
  readonly key: string
  /** Undefined where it is too large for a list: `get` has it. */
  readonly value: Uint8Array<ArrayBuffer> | undefined
}

/** Items in byte order of their keys, asked for page by page as they are taken. */
export interface Listing<T> extends AsyncIterable<T> {
  /** The same, a page at a time. */
  pages(): AsyncIterable<Page<T>>
}

const defaultPageSize = 1_000

/**
 * Makes a listing.
 * @param ask sends one request with a query
 * @param decode reads the items of its answer
 */
export function makeListing<T>(
  first: URLSearchParams,
  ask: (query: string) => Promise<Answer>,
  decode: (answer: Answer) => readonly T[],
): Listing<T> {
  async function* pages(): AsyncGenerator<Page<T>, void> {
    for (let query: string | undefined = first.toString(); query !== undefined; ) {
      const answer = await ask(query)
      query = nextQueryIn(answer)
      yield { items: decode(answer), position: answer.headers.get('kvs-position') ?? '' }
    }
  }

  async function* items(): AsyncGenerator<T, void> {
    for await (const page of pages()) yield* page.items
  }

  return { pages, [Symbol.asyncIterator]: items }
}

/** @throws TypeError */
export function pageQuery({ pageSize = defaultPageSize, after, consistent }: PageOptions): URLSearchParams {
  if (!Number.isInteger(pageSize) || pageSize < 1 || pageSize > 10_000) {
    throw new TypeError(`pageSize is to be 1 to 10000, and is ${pageSize}`)
  }
  const query = new URLSearchParams({ limit: String(pageSize) })
  if (after !== undefined) query.set('after', after)
  if (consistent) query.set('consistent', '')
  return query
}

/** Query of the next page, from the answer's Link (RFC 8288); undefined where this is the last. */
function nextQueryIn({ headers }: Answer): string | undefined {
  const link = headers.get('link')
  if (link === null) return undefined
  const [, target] = /<([^>]*)>\s*;\s*rel="?next"?/.exec(link) ?? []
  const query = target?.split('?', 2)[1]
  if (query !== undefined && query !== '') return query
  throw new KvsError('bad_answer', `a list's Link is to name the next page, and is ${link}`)
}

export function keysIn(answer: Answer): readonly string[] {
  const parsed = jsonIn(answer)
  if (Array.isArray(parsed) && parsed.every((key) => typeof key === 'string')) return parsed
  throw new KvsError('bad_answer', 'a list is to be an array of keys', { status: answer.status })
}

export function countIn(answer: Answer): number {
  const parsed = jsonIn(answer)
  if (typeof parsed === 'object' && parsed !== null && 'count' in parsed && Number.isInteger(parsed.count)) {
    return Number(parsed.count)
  }
  throw new KvsError('bad_answer', 'a count is to be {"count": N}', { status: answer.status })
}

/** As the service writes a value in a list. */
interface WireValue {
  readonly key: string
  readonly value?: string
  readonly base64?: string
  readonly etag: string | null
  readonly contentType: string | null
  readonly size: number
  readonly at: string | null
  readonly expires: string | null
  readonly omitted?: boolean
}

export function valuesIn(answer: Answer): readonly ListedValue[] {
  const parsed = jsonIn(answer)
  if (!Array.isArray(parsed) || !parsed.every(isWireValue)) {
    throw new KvsError(
      'bad_answer',
      'a list of values is to be an array of objects with key, value or base64, and etag',
      {
        status: answer.status,
      },
    )
  }
  return parsed.map(listedValueOf)
}

function isWireValue(item: unknown): item is WireValue {
  if (typeof item !== 'object' || item === null) return false
  const { key, value, base64, omitted, etag } = item as Record<string, unknown>
  const hasValue = typeof value === 'string' || typeof base64 === 'string' || omitted === true
  return typeof key === 'string' && hasValue && (etag === null || typeof etag === 'string')
}

function listedValueOf(item: WireValue): ListedValue {
  const { key, etag, contentType, size, at, expires } = item
  return {
    key,
    value: contentOf(item),
    etag: etag ?? undefined,
    contentType: contentType ?? undefined,
    size,
    modifiedAt: dateIn(at),
    expires: dateIn(expires),
    isSpooled: etag === null,
  }
}

function contentOf({ value, base64 }: WireValue): Uint8Array<ArrayBuffer> | undefined {
  if (value !== undefined) return new TextEncoder().encode(value)
  return base64 === undefined ? undefined : fromBase64(base64)
}

export function jsonIn({ body, status }: Answer): unknown {
  try {
    return JSON.parse(textOf(body))
  } catch (cause) {
    throw new KvsError('bad_answer', 'the answer is to be JSON, and is not', { status, cause })
  }
}
