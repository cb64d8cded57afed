import { copyFileSync, renameSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Issued } from '../../support/certificates.ts'
import { ask } from '../../support/https.ts'
import { makeDirectory, type Node } from '../../support/node.ts'
import { startTlsNode } from './tls-node.ts'

export const serialOf = (node: Node) =>
  ask(`${node.url}/livez`, { rejectUnauthorized: false }).then(({ serial }) => serial)

/** Where the node looks: files that take the place of one another. */
export async function start(first: Issued, settings: Record<string, string> = {}) {
  const directory = makeDirectory()
  const files = { certFile: join(directory, 'tls.crt'), keyFile: join(directory, 'tls.key') }
  copyFileSync(first.certFile, files.certFile)
  copyFileSync(first.keyFile, files.keyFile)
  const node = await startTlsNode(files, settings)
  return { node, directory, ...files, serial: await serialOf(node) }
}

/** As `mv` and most tools do it: never half there. */
export function replace(path: string, content: string): void {
  writeFileSync(`${path}.new`, content)
  renameSync(`${path}.new`, path)
}
