import { badQuery, isSet, type KnownFlags, type QueryFlags, readFlags } from '../query-flags.ts'

/** What a list is to show, by its query. */
export interface ListQuery {
  readonly shows: 'keys' | 'values' | 'count'
  /** Most keys or names to show; undefined for all. Values always have one. */
  readonly limit: number | undefined
  /** Only what comes after this text, in byte order, is shown; undefined for all. */
  readonly after: string | undefined
  /** Shows each subtree once, by the name that ends in this; undefined shows keys. */
  readonly delimiter: string | undefined
  /** Whether everything is shown that was acknowledged anywhere before. */
  readonly isConsistent: boolean
}

const maxLimit = 10_000
/** A page has no more values, whatever its limit is. */
export const maxValuesOfPage = 1_000
const maxDelimiterCharacters = 16

const known: KnownFlags = {
  limit: `limit=N (1 to ${maxLimit})`,
  after: 'after=KEY',
  delimiter: `delimiter=TEXT (1 to ${maxDelimiterCharacters} characters)`,
  values: 'values',
  count: 'count',
  consistent: 'consistent',
}

/**
 * Reads the query of a list.
 * @throws KvsError bad_request
 */
export function listQueryOf(query: string): ListQuery {
  const flags = readFlags(query, known)
  const shows = shownBy(flags)
  const limit = limitOf(flags)
  return {
    shows,
    limit: shows === 'values' ? (limit ?? maxValuesOfPage) : limit,
    after: afterOf(flags),
    delimiter: delimiterOf(flags),
    isConsistent: isSet(flags, 'consistent', known),
  }
}

function shownBy(flags: QueryFlags): ListQuery['shows'] {
  const [values, count] = [isSet(flags, 'values', known), isSet(flags, 'count', known)]
  if (count) {
    const other = ['values', 'limit', 'after', 'delimiter'].find((name) => flags.has(name))
    if (other !== undefined) throw badQuery(`count tells of all keys, and does not go with ${other}`, known)
    return 'count'
  }
  if (!values) return 'keys'
  if (flags.has('delimiter')) throw badQuery('delimiter shows names, which have no values', known)
  return 'values'
}

function limitOf(flags: QueryFlags): number | undefined {
  if (!flags.has('limit')) return undefined
  const text = flags.get('limit') ?? ''
  const limit = /^[1-9]\d{0,4}$/.test(text) ? Number(text) : 0
  if (limit >= 1 && limit <= maxLimit) return limit
  throw badQuery(`limit takes a number from 1 to ${maxLimit}, not ${JSON.stringify(text)}`, known)
}

/** An empty one is taken: a client that has no key yet begins with it. */
function afterOf(flags: QueryFlags): string | undefined {
  if (flags.has('after') && flags.get('after') === undefined) throw badQuery('after needs a key, after=KEY', known)
  return flags.get('after')
}

function delimiterOf(flags: QueryFlags): string | undefined {
  if (!flags.has('delimiter')) return undefined
  const text = flags.get('delimiter') ?? ''
  const { length } = [...text]
  if (length >= 1 && length <= maxDelimiterCharacters && !text.includes('\0')) return text
  throw badQuery(
    `delimiter takes 1 to ${maxDelimiterCharacters} characters of a key, not ${JSON.stringify(text)}`,
    known,
  )
}
