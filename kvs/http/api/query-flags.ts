import { KvsError } from '../../core/errors.ts'

/** Flags of a query by name, each with its value; undefined where the name stands alone, without a "=". */
export type QueryFlags = ReadonlyMap<string, string | undefined>

/** The flags that a path takes with a method, each as an error names it. */
export type KnownFlags = Readonly<Record<string, string>>

/**
 * Reads the flags of a query: `a=1&b`. In a value, a "+" is a blank, as forms and URLSearchParams write it.
 * @throws KvsError bad_request where a flag is not known or comes twice, and where it is not percent-encoded UTF-8
 */
export function readFlags(query: string, known: KnownFlags): QueryFlags {
  const flags = new Map<string, string | undefined>()
  if (query === '') return flags
  for (const text of query.split('&')) {
    const at = text.indexOf('=')
    const name = decode(at < 0 ? text : text.slice(0, at), known)
    if (!Object.hasOwn(known, name)) throw badQuery(`this service knows no query ${JSON.stringify(name)} here`, known)
    if (flags.has(name)) throw badQuery(`the query has ${name} twice`, known)
    flags.set(name, at < 0 ? undefined : decode(text.slice(at + 1), known))
  }
  return flags
}

/**
 * Whether a flag without a value is there. Most client libraries write one as a name with an empty value.
 * @throws KvsError bad_request where it has a value
 */
export function isSet(flags: QueryFlags, name: string, known: KnownFlags): boolean {
  const value = flags.get(name) ?? ''
  if (value !== '') throw badQuery(`${name} takes no value in the query, and has ${JSON.stringify(value)}`, known)
  return flags.has(name)
}

/** An error about a query that names the flags that are known where it came. */
export function badQuery(problem: string, known: KnownFlags): KvsError {
  return new KvsError('bad_request', `${problem}; it takes ${Object.values(known).join(', ')}`)
}

function decode(text: string, known: KnownFlags): string {
  if (text.includes('#')) throw badQuery('a "#" in a query is written %23', known)
  try {
    return decodeURIComponent(text.replaceAll('+', ' '))
  } catch {
    throw badQuery('the query is not percent-encoded UTF-8: "%" is written %25', known)
  }
}
