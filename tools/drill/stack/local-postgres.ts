import { execFile } from 'node:child_process'
import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import type { Client } from 'pg'
import { makeEmbeddedPostgres } from '../../../kvs/log/embedded/embedded-postgres.ts'
import { waitUntil } from '../wait.ts'
import { connect } from './connect.ts'
import type { LocalService } from './local-service.ts'

export interface LocalPostgres extends LocalService {
  readonly socket: string
  connect(): Promise<Client>
  crash(): Promise<void>
  /** Copies of its data; it must be down. */
  save(name: string): Promise<void>
  restore(name: string): Promise<void>
}

const run = promisify(execFile)

/** The embedded Postgres, run by the drill, so that it can be killed apart from the node. */
export function makeLocalPostgres(home: string): LocalPostgres {
  const directory = join(home, 'postgres')
  const quiet = { info: () => undefined, warn: () => undefined, debug: () => undefined }
  const embedded = makeEmbeddedPostgres({ directory, log: quiet })
  let paused: number[] = []

  async function signal(name: NodeJS.Signals): Promise<void> {
    await resume()
    const { pid } = embedded
    if (pid !== undefined) process.kill(pid, name)
    await waitUntil('Postgres has ended', () => embedded.pid === undefined, { boundMs: 30_000 })
  }

  async function resume(): Promise<void> {
    for (const pid of paused) sendTo(pid, 'SIGCONT')
    paused = []
  }

  return {
    socket: join(embedded.connection.host, `.s.PGSQL.${embedded.connection.port}`),
    start: () => embedded.ensureRunning(),
    kill: () => signal('SIGKILL'),
    crash: () => signal('SIGQUIT'),
    resume,

    async stop() {
      await resume()
      await embedded.stop()
      return 0
    },

    async pause() {
      if (embedded.pid === undefined) return
      paused = await family(embedded.pid)
      for (const pid of paused) sendTo(pid, 'SIGSTOP')
    },

    connect: () => connect(embedded.connection),

    async save(name) {
      const copy = join(home, `saved-${name}`)
      await rm(copy, { recursive: true, force: true })
      await run('cp', ['-a', directory, copy])
    },

    async restore(name) {
      await rm(directory, { recursive: true, force: true })
      await run('cp', ['-a', join(home, `saved-${name}`), directory])
    },
  }
}

/** The server and its children, each of which has a process group of its own. */
async function family(pid: number): Promise<number[]> {
  const { stdout } = await run('ps', ['-A', '-o', 'pid=,ppid='])
  const rows = stdout.split('\n').map((line) => line.trim().split(/\s+/).map(Number))
  return [pid, ...rows.filter(([, parent]) => parent === pid).flatMap(([child]) => child ?? [])]
}

function sendTo(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal)
  } catch {
    // it has ended
  }
}
