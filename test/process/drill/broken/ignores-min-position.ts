/** A node that answers from its view as it is, whatever position its client has seen. */
import { runBroken } from './run-broken.ts'

await runBroken({ store: () => ({ waitFor: async () => undefined, dependencyOn: async () => undefined }) })
