/** A node that does not look whether others have overtaken what it had spooled. */
import { runBroken } from './run-broken.ts'

const farAhead = 2n ** 60n

await runBroken({
  session: ({ appendSpooled }) => ({
    appendSpooled: (writes) =>
      appendSpooled(
        writes.map((write) => ({ ...write, superseded: false })),
        farAhead,
      ),
  }),
})
