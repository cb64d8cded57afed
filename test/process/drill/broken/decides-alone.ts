/** A node that decides on conditions by its own view, and does not ask the log whether that has overtaken it. */
import { ConditionFailed, KvsError } from '../../../../kvs/core/errors.ts'
import { holds } from '../../../../kvs/core/precondition.ts'
import { runBroken } from './run-broken.ts'

await runBroken({
  store: (store) => ({
    async writeIf({ write, precondition }) {
      const current = store.get(write.key)
      if (!holds(precondition, current)) throw new ConditionFailed(current?.tag)
      const stored = await store.write(write)
      if (stored === 'spooled') throw new KvsError('undecided')
      return stored
    },
  }),
})
