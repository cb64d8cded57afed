import type { Client } from './client.ts'
import { KvsError } from './errors.ts'
import { countIn, keysIn, makeListing, pageQuery, valuesIn } from './lists.ts'
import type { CallOptions } from './options.ts'
import { collectionPath } from './path.ts'
import type { Send } from './sender.ts'
import { copiesIn, isSpooled } from './values.ts'

/** The part of a client that deals with all keys that begin with a prefix. */
export function makeCollectionCalls(send: Send): Pick<Client, 'list' | 'values' | 'count' | 'clear'> {
  const ask = (path: string, query: string, options: CallOptions) =>
    send({ method: 'GET', path: `${path}?${query}`, isRead: true, isRepeatable: true, options })

  return {
    list(prefix = '', { delimiter, ...options } = {}) {
      const first = pageQuery(options)
      if (delimiter !== undefined) first.set('delimiter', delimiter)
      const path = collectionPath(prefix)
      return makeListing(first, (query) => ask(path, query, options), keysIn)
    },
    values(prefix = '', options = {}) {
      const first = pageQuery(options)
      first.set('values', '')
      const path = collectionPath(prefix)
      return makeListing(first, (query) => ask(path, query, options), valuesIn)
    },
    async count(prefix = '', options = {}) {
      const query = `count=${options.consistent ? '&consistent=' : ''}`
      return countIn(await ask(collectionPath(prefix), query, options))
    },
    async clear(prefix, options = {}) {
      const path = collectionPath(prefix)
      const isRepeatable = options.repeatable === true
      const { headers, status } = await send({ method: 'DELETE', path, isRead: true, isRepeatable, options })
      const deleted = headers.get('kvs-deleted')
      if (deleted !== null && /^\d+$/.test(deleted))
        return { deleted: Number(deleted), isSpooled: isSpooled(headers), copies: copiesIn(headers) }
      throw new KvsError('bad_answer', 'a clear is to be answered with KVS-Deleted', { status })
    },
  }
}
