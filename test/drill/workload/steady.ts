import type { Asker, AskerOptions } from './hopper.ts'
import { makeRequester } from './request.ts'
import { makeValue, randomSize } from './value.ts'

/** A client of a single node, who writes and reads, and asks for nothing besides. */
export function makeSteady({ client, nodes, random, now, timeoutMs, nextId, record }: AskerOptions): Asker {
  const requester = makeRequester(nodes[0]?.url ?? '', timeoutMs)

  return {
    async operate(key) {
      const dice = random.next()
      const bytes = randomSize(random)
      const kind = dice < 0.45 ? 'put' : dice < 0.9 ? 'get' : 'delete'
      const id = kind === 'put' ? nextId() : undefined
      const invoked = now()
      const { positionText: _, ...answer } =
        id !== undefined
          ? await requester.put(key, makeValue(id, bytes))
          : kind === 'get'
            ? await requester.get(key)
            : await requester.remove(key)
      const value = id === undefined ? {} : { value: id }
      return record({ client, kind, key, invoked, returned: now(), ...answer, ...value })
    },
    close: () => requester.close(),
  }
}
