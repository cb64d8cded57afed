import { type Asker, type AskerOptions, drawLifetime } from './hopper.ts'
import { makeRequester } from './request.ts'
import { makeValue, randomSize } from './value.ts'

/** Makes a client of a single node, which writes and reads without conditions or positions. */
export interface SteadyOptions extends Omit<AskerOptions, 'nodes'> {
  /** Address of the node. */
  readonly door: AskerOptions['nodes'][number]
}

export function makeSteady(options: SteadyOptions): Asker {
  const { client, door, random, now, timeoutMs, nextId, record, lifetimes, connect = makeRequester } = options
  const requester = connect(door.url, timeoutMs)

  return {
    async operate(key) {
      const dice = random.next()
      const bytes = randomSize(random)
      const drawn = dice < 0.45 ? 'put' : dice < 0.9 ? 'get' : 'delete'
      const wish: { kind: typeof drawn; ttl?: number } = drawLifetime({ kind: drawn }, random, lifetimes)
      const { kind } = wish
      const id = kind === 'put' ? nextId() : undefined
      const invoked = now()
      const {
        positionText: _,
        tag: __,
        ...answer
      } = id !== undefined
        ? await requester.put(key, makeValue(id, bytes), wish)
        : kind === 'get'
          ? await requester.get(key)
          : await requester.remove(key)
      const value = id === undefined ? {} : { value: id }
      return record({ client, node: door.name, ...wish, key, invoked, returned: now(), ...answer, ...value })
    },
    close: () => requester.close(),
  }
}
