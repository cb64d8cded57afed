import type { NewestWrite } from './landed-writes.ts'

/** The write of each key that `Spool.get` returns. */
export interface NewestWrites extends Pick<Map<string, NewestWrite>, 'size' | 'get' | 'keys' | 'entries'> {
  set(key: string, newest: NewestWrite): void
  delete(key: string): void
  /** Has `act` called after each change of a key, in the same step. It replaces the last one. */
  onChange(act: (key: string) => void): void
}

export function makeNewestWrites(): NewestWrites {
  const writes = new Map<string, NewestWrite>()
  let tell: (key: string) => void = () => undefined

  return {
    get size() {
      return writes.size
    },
    get: (key) => writes.get(key),
    keys: () => writes.keys(),
    entries: () => writes.entries(),
    set(key, newest) {
      writes.set(key, newest)
      tell(key)
    },
    delete(key) {
      writes.delete(key)
      tell(key)
    },
    onChange(act) {
      tell = act
    },
  }
}
