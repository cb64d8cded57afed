/** A node whose consistent reads do not ask the log how far it is. */
import { runBroken } from './run-broken.ts'

await runBroken({ store: () => ({ waitForHead: async () => undefined }) })
