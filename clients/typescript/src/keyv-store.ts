import type { Client } from './client.ts'
import { forEach, type KeyvStoreOptions, makeEntries } from './keyv-entries.ts'

/** An adapter for Keyv 6, which gives it the moment at which a key ends. */
export interface KeyvStore {
  /** Set by Keyv. A store with one namespace belongs to one Keyv. */
  namespace: string | undefined
  /** Tells Keyv that `expires` is a moment. */
  readonly capabilities: { readonly expires: true }
  get(key: string): Promise<string | undefined>
  getMany(keys: string[]): Promise<(string | undefined)[]>
  /** @param expires milliseconds since 1970; undefined for never */
  set(key: string, value: unknown, expires?: number): Promise<boolean>
  setMany(entries: readonly KeyvStoreEntry[]): Promise<boolean[]>
  /** Resolves with whether the key had a value. */
  delete(key: string): Promise<boolean>
  deleteMany(keys: string[]): Promise<boolean[]>
  has(key: string): Promise<boolean>
  hasMany(keys: string[]): Promise<boolean[]>
  /** Deletes the keys of the namespace; without one, all with the store's prefix. */
  clear(): Promise<void>
  iterator(): AsyncGenerator<[key: string, value: string], void>
}

export interface KeyvStoreEntry {
  readonly key: string
  readonly value: unknown
  readonly expires?: number | undefined
}

/** Makes an adapter for Keyv 6. Keys are `PREFIX NAMESPACE:KEY`, without the blank, as those of Keyv 5 are. */
export function makeKeyvStore(client: Client, options: KeyvStoreOptions = {}): KeyvStore {
  const { prefix = '' } = options
  const entries = makeEntries(client, options)
  const start = () => `${prefix}${store.namespace ? `${store.namespace}:` : ''}`
  const whole = (key: string) => `${start()}${key}`

  const store: KeyvStore = {
    namespace: undefined,
    capabilities: { expires: true },
    get: async (key) => entries.get(whole(key)),
    getMany: (keys) => forEach(keys, store.get),
    set: async (key, value, expires) => entries.set(whole(key), value, lifetimeUntil(expires)),
    setMany: (all) => forEach(all, ({ key, value, expires }) => store.set(key, value, expires)),
    delete: async (key) => entries.delete(whole(key)),
    deleteMany: (keys) => forEach(keys, store.delete),
    has: async (key) => entries.has(whole(key)),
    hasMany: (keys) => forEach(keys, store.has),
    clear: async () => entries.clear(start()),
    async *iterator() {
      const { length } = start()
      for await (const [key, value] of entries.each(start())) yield [key.slice(length), value]
    },
  }
  return store
}

/** A key never ends early: part of a millisecond counts as a whole one. */
function lifetimeUntil(expires: number | undefined) {
  return expires === undefined ? {} : { expires: new Date(Math.ceil(expires)) }
}
