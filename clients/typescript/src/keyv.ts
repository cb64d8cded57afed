export type { KeyvStoreOptions } from './keyv-entries.ts'
export { type KeyvStore, makeKeyvStore } from './keyv-store.ts'
export { type Keyv5Store, makeKeyv5Store } from './keyv5-store.ts'
