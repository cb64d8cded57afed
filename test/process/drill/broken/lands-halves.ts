/** A node that does the first operation of a transaction, and then the others. */
import { runBroken } from './run-broken.ts'

await runBroken({
  store: (store) => ({
    async transact({ conditions, operations, idempotencyKey }) {
      const first = await store.transact({ conditions, operations: operations.slice(0, 1), idempotencyKey })
      const rest = { conditions: [], operations: operations.slice(1), idempotencyKey: `${idempotencyKey}, the rest` }
      const { position, entries } = await store.transact(rest)
      return { position, entries: [...first.entries, ...entries] }
    },
  }),
})
