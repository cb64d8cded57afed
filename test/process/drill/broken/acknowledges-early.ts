/** A node as the textbook's: a write is shown and acknowledged at once, and reaches the log a little later. */
import type { Write } from '../../../../kvs/core/entry.ts'
import { runBroken } from './run-broken.ts'

const early = new Map<string, Write>()

await runBroken({
  store: (store) => ({
    get(key) {
      const found = store.get(key)
      const write = early.get(key)
      if (write === undefined) return found
      if (write.kind !== 'put') return undefined
      return { ...write, tag: undefined, modifiedAt: undefined, deadline: write.deadline }
    },
    async write(write) {
      store.get(write.key) // throws where the node is not ready
      early.set(write.key, write)
      setTimeout(() => void store.write(write).catch(() => undefined), 50)
      return 'spooled'
    },
  }),
})
