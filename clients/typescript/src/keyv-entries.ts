import type { Client } from './client.ts'
import { type Lifetime, textOf } from './values.ts'

export interface KeyvStoreOptions {
  /** Begins every key of the store, as `cache/` does, so that others can share the service. None: `clear` takes all. */
  readonly prefix?: string | undefined
  /** Whether a write may be sent again where no answer comes; see `repeatable` of the client. */
  readonly repeatable?: boolean | undefined
}

/** Texts by key, as both versions of Keyv's adapter keep them. The keys are whole: prefix and namespace are in them. */
export interface Entries {
  get(key: string): Promise<string | undefined>
  set(key: string, value: unknown, lifetime: Lifetime): Promise<true>
  /** Resolves with whether the key had a value. */
  delete(key: string): Promise<boolean>
  has(key: string): Promise<boolean>
  clear(prefix: string): Promise<void>
  /** Entries whose keys begin with a prefix, in the order of their keys. */
  each(prefix: string): AsyncGenerator<[key: string, value: string], void>
}

export function makeEntries(client: Client, { repeatable }: KeyvStoreOptions): Entries {
  return {
    get: (key) => client.getText(key),
    async set(key, value, lifetime) {
      if (typeof value !== 'string') {
        throw new TypeError(`this store keeps text: leave Keyv's serialization on, which makes text of ${typeof value}`)
      }
      await client.put(key, value, { ...lifetime, repeatable })
      return true
    },
    async delete(key) {
      // Asked first, so that deleting what is not there writes nothing, and goes on while the log is down.
      if ((await client.head(key)) === undefined) return false
      await client.delete(key, { repeatable })
      return true
    },
    has: async (key) => (await client.head(key)) !== undefined,
    async clear(prefix) {
      await client.clear(prefix, { repeatable })
    },
    async *each(prefix) {
      for await (const { key, value } of client.values(prefix)) {
        const text = value === undefined ? await client.getText(key) : textOf(value)
        if (text !== undefined) yield [key, text]
      }
    },
  }
}

/** Requests of one call that are under way at once. */
const width = 16

/** Does something to each item, some at a time, and resolves with the results in the items' order. */
export async function forEach<T, R>(items: readonly T[], act: (item: T) => Promise<R>): Promise<R[]> {
  const results: R[] = []
  let next = 0
  async function work(): Promise<void> {
    for (let index = next++; index < items.length; index = next++) results[index] = await act(items[index] as T)
  }
  await Promise.all(Array.from({ length: Math.min(width, items.length) }, work))
  return results
}
