import type { Asker, AskerOptions } from './hopper.ts'
import { makeRequester } from './request.ts'
import { makeValue, randomSize } from './value.ts'

/** Makes a client of a single node, which writes and reads without conditions or positions. */
export interface SteadyOptions extends Omit<AskerOptions, 'nodes'> {
  /** Address of the node. */
  readonly door: AskerOptions['nodes'][number]
}

export function makeSteady({ client, door, random, now, timeoutMs, nextId, record }: SteadyOptions): Asker {
  const requester = makeRequester(door.url, timeoutMs)

  return {
    async operate(key) {
      const dice = random.next()
      const bytes = randomSize(random)
      const kind = dice < 0.45 ? 'put' : dice < 0.9 ? 'get' : 'delete'
      const id = kind === 'put' ? nextId() : undefined
      const invoked = now()
      const {
        positionText: _,
        tag: __,
        ...answer
      } = id !== undefined
        ? await requester.put(key, makeValue(id, bytes))
        : kind === 'get'
          ? await requester.get(key)
          : await requester.remove(key)
      const value = id === undefined ? {} : { value: id }
      return record({ client, node: door.name, kind, key, invoked, returned: now(), ...answer, ...value })
    },
    close: () => requester.close(),
  }
}
