import type { ListQuery } from './list-query.ts'

interface PagedList {
  readonly prefix: string
  readonly query: ListQuery
}

/**
 * The header Link of a page: where the next one is (RFC 8288). None where there is no more.
 * @param last key or name that the page ends with; undefined where nothing comes after it
 */
export function nextPage({ prefix, query }: PagedList, last: string | undefined): string[] {
  if (last === undefined) return []
  const { limit, delimiter, shows, isConsistent } = query
  const flags = [
    `limit=${limit}`,
    `after=${encodeURIComponent(last)}`,
    ...(delimiter === undefined ? [] : [`delimiter=${encodeURIComponent(delimiter)}`]),
    ...(shows === 'values' ? ['values'] : []),
    ...(isConsistent ? ['consistent'] : []),
  ]
  const path = prefix.split('/').map(encodeURIComponent).join('/')
  return ['Link', `</v1/${path}:?${flags.join('&')}>; rel="next"`]
}
