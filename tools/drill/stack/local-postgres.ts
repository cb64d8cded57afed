import { execFile } from 'node:child_process'
import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import type { Client } from 'pg'
import { waitUntil } from '../../lab/polling.ts'
import { clusterIn, makePostgres } from '../../lab/postgres.ts'
import { connectWhenUp } from '../../lab/postgres-client.ts'
import type { LocalService } from './local-service.ts'

export interface LocalPostgres extends LocalService {
  /** Path of its Unix socket. */
  readonly socket: string
  connect(): Promise<Client>
  /** Immediate shutdown: it recovers at its next start. */
  crash(): Promise<void>
  /** Copies its data. It must be down. */
  save(name: string): Promise<void>
  /** Puts a copy in the place of its data. It must be down. */
  restore(name: string): Promise<void>
}

const run = promisify(execFile)

/** Makes the service's embedded Postgres, run by the drill so that it can be killed apart from the nodes. */
export function makeLocalPostgres(home: string): LocalPostgres {
  const directory = clusterIn(home)
  const embedded = makePostgres(directory)
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
      paused = await processesOf(embedded.pid)
      for (const pid of paused) sendTo(pid, 'SIGSTOP')
    },

    connect: () => connectWhenUp(embedded.connection),

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

/** Returns the pids of the server and its children, each of which has a process group of its own. */
async function processesOf(pid: number): Promise<number[]> {
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
