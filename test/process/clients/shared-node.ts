import { randomUUID } from 'node:crypto'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { beforeAll, inject } from 'vitest'
import { spawnNodeProcess } from '../../../tools/lab/node-process.ts'
import { withClient } from '../../../tools/lab/postgres-client.ts'
import { serves, toEnvironment } from '../../support/node.ts'
import { until } from '../../support/until.ts'

/**
 * Has a node run for all tests of the file or block that calls this, as for a suite that is not ours. Returns a
 * function that gives its address once the tests run.
 */
export function shareNode(settings: Record<string, string> = {}): () => string {
  let url = ''
  beforeAll(async () => {
    const directory = mkdtempSync(join(tmpdir(), 'kvs-shared-'))
    const server = inject('postgres')
    const database = `test_${randomUUID().replaceAll('-', '')}`
    await withClient(server, (client) => client.query(`CREATE DATABASE ${database}`))
    const target = { ...server, database, applicationName: 'kvs', tls: { mode: 'disable' as const } }
    const node = spawnNodeProcess({ directory, env: { PORT: '0', ...toEnvironment(target), ...settings } })
    url = await until('the node listens', () => /listening on (http:\/\/[^"\s]+)/.exec(node.output())?.[1])
    await serves({ url })
    return async () => {
      node.kill('SIGKILL')
      await node.ended
      await withClient(server, (client) => client.query(`DROP DATABASE ${database} WITH (FORCE)`))
      rmSync(directory, { recursive: true, force: true })
    }
  })
  return () => url
}
