import type { Client } from './client.ts'
import { KvsError } from './errors.ts'
import type { Answer } from './exchange.ts'
import type { PutOptions, ReadOptions, WriteOptions } from './options.ts'
import { keyPath } from './path.ts'
import type { Send } from './sender.ts'
import { bytesOf, copiesIn, isSpooled, lifetimeIn, metaIn, textOf, type Written } from './values.ts'

/** The part of a client that reads and writes single keys. */
export function makeKeyCalls(send: Send): Pick<Client, 'get' | 'getText' | 'head' | 'put' | 'delete'> {
  async function read(method: 'GET' | 'HEAD', key: string, options: ReadOptions = {}): Promise<Answer | undefined> {
    const path = `${keyPath(key)}${options.consistent ? '?consistent=' : ''}`
    try {
      return await send({ method, path, isRead: true, isRepeatable: true, options })
    } catch (error) {
      if (error instanceof KvsError && error.code === 'no_such_key') return undefined
      throw error
    }
  }

  return {
    async get(key, options) {
      const answer = await read('GET', key, options)
      return answer && { ...metaIn(answer), value: answer.body }
    },
    async getText(key, options) {
      const answer = await read('GET', key, options)
      return answer && textOf(answer.body)
    },
    async head(key, options) {
      const answer = await read('HEAD', key, options)
      return answer && metaIn(answer)
    },
    async put(key, value, options = {}) {
      const headers = { ...termsOf(options), ...putHeaders(options) }
      const isRepeatable = mayRepeat(headers, options)
      return writtenIn(
        await send({ method: 'PUT', path: keyPath(key), headers, body: bytesOf(value), isRepeatable, options }),
      )
    },
    async delete(key, options = {}) {
      const headers = termsOf(options)
      const isRepeatable = mayRepeat(headers, options)
      return writtenIn(await send({ method: 'DELETE', path: keyPath(key), headers, isRepeatable, options }))
    },
  }
}

function writtenIn({ headers }: Answer): Written {
  return { etag: headers.get('etag') ?? undefined, isSpooled: isSpooled(headers), copies: copiesIn(headers) }
}

type Headers = Readonly<Record<string, string>>

/** What was sent under an Idempotency-Key happens once, however often it is sent. */
function mayRepeat(headers: Headers, { repeatable }: WriteOptions): boolean {
  return 'Idempotency-Key' in headers || repeatable === true
}

/** A write under a condition has an Idempotency-Key; a plain one has none, since then it could not be spooled. */
function termsOf({ ifMatch, ifNoneMatch, idempotencyKey }: WriteOptions): Headers {
  const isConditional = ifMatch !== undefined || ifNoneMatch !== undefined
  const once = idempotencyKey ?? (isConditional ? crypto.randomUUID() : undefined)
  return {
    ...(ifMatch !== undefined && { 'If-Match': [ifMatch].flat().join(', ') }),
    ...(ifNoneMatch !== undefined && { 'If-None-Match': [ifNoneMatch].flat().join(', ') }),
    ...(once !== undefined && { 'Idempotency-Key': once }),
  }
}

function putHeaders(options: PutOptions): Headers {
  const { ttl, expires } = lifetimeIn(options)
  return {
    ...(options.contentType !== undefined && { 'Content-Type': options.contentType }),
    ...(ttl !== undefined && { 'KVS-TTL': ttl }),
    ...(expires !== undefined && { 'KVS-Expires': expires }),
  }
}
