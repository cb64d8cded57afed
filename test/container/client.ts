import { randomBytes } from 'node:crypto'
import { expect } from 'vitest'
import { until } from '../support/until.ts'

/** Paths below /v1/ and values that are easily spoilt on the way. */
export const pairs: readonly (readonly [path: string, value: Buffer])[] = [
  ['key-a', Buffer.from('Test Pair 1')],
  ['key%20b', Buffer.from('Test Pair 2')],
  ['path/to/a%20key', Buffer.from('100 % + &amp; %20\r\n')],
  [encodeURIComponent('🔑/ключ'), Buffer.from('🗄️ значение')],
  ['empty', Buffer.alloc(0)],
  ['binary', Buffer.from(Array.from({ length: 256 }, (_, byte) => byte))],
  ['large', randomBytes(1024 * 1024)],
]

/** What the tests ask of a node at an address. */
export function makeClient(url: string) {
  const request = (path: string, options: RequestInit = {}) =>
    fetch(`${url}${path}`, { signal: AbortSignal.timeout(60_000), ...options })

  /** Undefined while nothing answers. */
  async function state(): Promise<string | undefined> {
    const response = await request('/readyz').catch(() => undefined)
    const status = (await response?.json().catch(() => undefined)) as { state: string } | undefined
    return status?.state
  }

  function put(path: string, value: Buffer | string) {
    const body = typeof value === 'string' ? value : new Uint8Array(value)
    return request(`/v1/${path}`, { method: 'PUT', body })
  }

  return {
    request,
    put,
    reaches: (wanted: string) => until(`${url} is ${wanted}`, async () => (await state()) === wanted, 120_000),

    async putPairs() {
      for (const [path, value] of pairs) expect((await put(path, value)).status).toBe(201)
    },

    /** Byte for byte. Behind a balancer only a consistent read is sure to see what another node has just taken. */
    async expectPairs(query: '' | '?consistent' = '') {
      for (const [path, value] of pairs) {
        const response = await request(`/v1/${path}${query}`)
        expect(response.status).toBe(200)
        expect(Buffer.from(await response.arrayBuffer()).equals(value), path).toBe(true)
      }
    },
  }
}

export type Client = ReturnType<typeof makeClient>
