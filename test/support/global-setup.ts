import { chmod, mkdir, mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { TestProject } from 'vitest/node'
import { clusterIn, makePostgres } from '../../tools/lab/postgres.ts'
import { listDocker, listFilesAndProcesses } from './leftovers.ts'

declare module 'vitest' {
  interface ProvidedContext {
    postgres: { host: string; port: number; user: string; database: string }
  }
}

/**
 * One real Postgres for all test files; each takes a database of its own from it. And one directory for all temporary
 * files, so that the run can tell what its tests have left behind: that fails it.
 */
export default async function setup(project: TestProject) {
  const home = await mkdtemp(join(tmpdir(), 'kvs-tests-'))
  await chmod(home, 0o755) // for the users that tests run programs as
  const temporary = join(home, 't') // short: paths of sockets have to fit
  await mkdir(temporary)
  await chmod(temporary, 0o1777)
  process.env.TMPDIR = temporary
  const inDockerBefore = await listDocker()
  const server = makePostgres(clusterIn(home), console.warn)
  await server.ensureRunning()
  project.provide('postgres', server.connection)
  return async () => {
    await server.stop()
    const inDocker = [...(await listDocker())].filter((line) => !inDockerBefore.has(line))
    const left = listFilesAndProcesses(temporary)
    await rm(home, { recursive: true, force: true })
    tell(left, inDocker)
  }
}

/**
 * Others may use this machine's Docker meanwhile, so what is new in it is an error only where nobody else is at work.
 */
function tell(left: readonly string[], inDocker: readonly string[]): void {
  const isAlone = process.env.CI === 'true'
  const lines = (list: readonly string[]) => list.map((line) => `\n  ${line}`).join('')
  if (inDocker.length > 0 && !isAlone) {
    process.stderr.write(`new in Docker since the tests began, by them or by others:${lines(inDocker)}\n`)
  }
  const found = [...left, ...(isAlone ? inDocker : [])]
  if (found.length > 0) throw new Error(`the tests have left behind:${lines(found)}`)
}
