import { KvsError } from './errors.ts'

/**
 * Path of a key below the service's address.
 * @throws KvsError bad_key where no URL can name the key
 */
export function keyPath(key: string): string {
  if (key === '') throw new KvsError('bad_key', 'the key is empty')
  requireNoDots(key, key)
  return `v1/${encode(key)}`
}

/**
 * Path of all keys that begin with a prefix.
 * @throws KvsError bad_key where no URL can name the prefix
 */
export function collectionPath(prefix: string): string {
  requireNoDots(`${prefix}:`, prefix) // a prefix may end in a dot
  return `v1/${encode(prefix)}:`
}

/** Slashes stay as they are, so that a URL reads as its key does. */
function encode(text: string): string {
  if (typeof text !== 'string') throw new TypeError(`a key is text, and not ${typeof text}`)
  if (!text.isWellFormed()) {
    throw new KvsError('bad_key', 'the key has half of a surrogate pair, which UTF-8 does not have')
  }
  return encodeURIComponent(text).replaceAll('%2F', '/')
}

/** fetch would drop such a part from the path, and ask for another key. */
function requireNoDots(path: string, text: string): void {
  if (!/(^|\/)\.{1,2}(\/|$)/.test(path)) return
  throw new KvsError('bad_key', `"." and ".." can't be parts of a key, as in "${text}": clients collapse them`)
}

/** A service's address, with a slash at its end. @throws TypeError where it is no address of http or https */
export function baseOf(url: string | URL): string {
  const base = new URL(url)
  if (!/^https?:$/.test(base.protocol)) throw new TypeError(`the url is to begin with http:// or https://: ${base}`)
  if (base.search !== '' || base.hash !== '') throw new TypeError(`the url has a query or a fragment: ${base}`)
  if (base.username !== '' || base.password !== '') throw new TypeError('a token goes into token, not into the url')
  return base.href.endsWith('/') ? base.href : `${base.href}/`
}
