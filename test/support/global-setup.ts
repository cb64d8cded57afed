import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { TestProject } from 'vitest/node'
import { makeEmbeddedPostgres } from '../../kvs/log/embedded/embedded.ts'

declare module 'vitest' {
  interface ProvidedContext {
    postgres: { host: string; port: number; user: string; database: string }
  }
}

/** One real Postgres for all test files; each takes a database of its own from it. */
export default async function setup(project: TestProject) {
  const home = await mkdtemp(join(tmpdir(), 'kvs-tests-'))
  const quiet = { info() {}, debug() {}, warn: (message: string) => console.warn(message) }
  const server = makeEmbeddedPostgres({ directory: join(home, 'postgres'), log: quiet })
  await server.ensureRunning()
  project.provide('postgres', server.connection)
  return async () => {
    await server.stop()
    await rm(home, { recursive: true, force: true })
  }
}
