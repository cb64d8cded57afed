import type { Client } from './client.ts'
import { forEach, type KeyvStoreOptions, makeEntries } from './keyv-entries.ts'

/** An adapter for Keyv 5, which gives it the time for which a key lives, and keys with their namespace in them. */
export interface Keyv5Store {
  /** Set by Keyv. Keyv's `useKeyPrefix` stays on, since `clear` goes by the namespace in the keys. */
  namespace: string | undefined
  /** Keyv 5 iterates over those stores alone whose dialect it knows; the log of this one is in Postgres. */
  readonly opts: { dialect: string; [name: string]: unknown }
  get(key: string): Promise<string | undefined>
  getMany(keys: string[]): Promise<(string | undefined)[]>
  /** @param ttl milliseconds; undefined for ever */
  set(key: string, value: unknown, ttl?: number): Promise<boolean>
  setMany(entries: readonly Keyv5StoreEntry[]): Promise<boolean[]>
  /** Resolves with whether the key had a value. */
  delete(key: string): Promise<boolean>
  /** Resolves with whether each of the keys had a value. */
  deleteMany(keys: string[]): Promise<boolean>
  has(key: string): Promise<boolean>
  hasMany(keys: string[]): Promise<boolean[]>
  /** Deletes the keys of the namespace; without one, all with the store's prefix. */
  clear(): Promise<void>
  /** @param namespace as Keyv knows it; undefined for all keys with the store's prefix */
  iterator(namespace?: string): AsyncGenerator<[key: string, value: string], void>
}

export interface Keyv5StoreEntry {
  readonly key: string
  readonly value: unknown
  readonly ttl?: number | undefined
}

/** Makes an adapter for Keyv 5. */
export function makeKeyv5Store(client: Client, options: KeyvStoreOptions = {}): Keyv5Store {
  const { prefix = '' } = options
  const entries = makeEntries(client, options)
  const startOf = (namespace: string | undefined) => `${prefix}${namespace ? `${namespace}:` : ''}`

  const store: Keyv5Store = {
    namespace: undefined,
    opts: { dialect: 'postgres' },
    get: async (key) => entries.get(`${prefix}${key}`),
    getMany: (keys) => forEach(keys, store.get),
    set: async (key, value, ttl) => entries.set(`${prefix}${key}`, value, { ttl }),
    setMany: (all) => forEach(all, ({ key, value, ttl }) => store.set(key, value, ttl)),
    delete: async (key) => entries.delete(`${prefix}${key}`),
    deleteMany: async (keys) => (await forEach(keys, store.delete)).every(Boolean),
    has: async (key) => entries.has(`${prefix}${key}`),
    hasMany: (keys) => forEach(keys, store.has),
    clear: async () => entries.clear(startOf(store.namespace)),
    async *iterator(namespace) {
      for await (const [key, value] of entries.each(startOf(namespace))) yield [key.slice(prefix.length), value]
    },
  }
  return store
}
