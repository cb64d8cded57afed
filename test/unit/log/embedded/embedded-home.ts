import { chmod, mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import pg from 'pg'
import { type EmbeddedPostgres, makeEmbeddedPostgres } from '../../../../kvs/log/embedded/embedded-postgres.ts'

// Of the test under way.
export let home: string
export let directory: string
export let cleanups: (() => unknown)[]
export let warnings: string[]

/** Before each test: a home of its own, empty. */
export async function makeHome(): Promise<void> {
  home = await mkdtemp(join(tmpdir(), 'kvs-embedded-'))
  // mkdtemp's 0700 shuts the server's user out; one test is about that.
  await chmod(home, 0o755)
  directory = join(home, 'postgres')
  warnings = []
  cleanups = [() => rm(home, { recursive: true, force: true })]
}

/** After it: ends what was made in it, the last first, and removes it. */
export async function leaveHome(): Promise<void> {
  for (const cleanup of cleanups.reverse()) await cleanup()
}

export function make(at = directory): EmbeddedPostgres {
  const log = { info() {}, debug() {}, warn: (message: string) => warnings.push(message) }
  const postgres = makeEmbeddedPostgres({ directory: at, log })
  cleanups.push(() => postgres.stop())
  return postgres
}

export async function query(postgres: EmbeddedPostgres, text: string): Promise<unknown[]> {
  const client = new pg.Client({ ...postgres.connection, ssl: false })
  client.on('error', () => {})
  await client.connect()
  try {
    return (await client.query({ text, rowMode: 'array' })).rows.flat()
  } finally {
    await client.end()
  }
}

export const alive = (pid: number) => {
  try {
    return process.kill(pid, 0)
  } catch {
    return false
  }
}

export function pidOf(postgres: EmbeddedPostgres): number {
  if (postgres.pid === undefined) throw new Error('no server runs')
  return postgres.pid
}
