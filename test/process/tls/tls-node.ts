import { makeDatabase } from '../../support/database.ts'
import { ask } from '../../support/https.ts'
import { makeDirectory, type Node, startNode, toEnvironment } from '../../support/node.ts'
import { until } from '../../support/until.ts'

/** A node that speaks HTTPS, ready. */
export async function startTlsNode(
  files: { readonly certFile: string; readonly keyFile: string },
  settings: Record<string, string> = {},
): Promise<Node> {
  const database = await makeDatabase()
  const node = await startNode(makeDirectory(), {
    ...toEnvironment(database.target),
    KVS_TLS_CERT: files.certFile,
    KVS_TLS_KEY: files.keyFile,
    ...settings,
  })
  const readiness = () => ask(`${node.url}/readyz`, { rejectUnauthorized: false }).catch(() => undefined)
  await until('the node is ready', async () => (await readiness())?.status === 200, 60_000)
  return node
}
