import { mkdir, statfs } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { copyBinaries, findBinaries } from './binaries.ts'
import { prepareCluster } from './cluster.ts'
import { type Connection, createDatabase } from './database-creation.ts'
import { findLauncher, serverUser } from './launcher.ts'
import { clearLock, readLock } from './postmaster-lock.ts'
import { reasonIn } from './program-output.ts'
import { type Server, spawnServer } from './server-process.ts'
import { makePrivateDirectory, port, removeSockets, socketDirectory, temporaryDirectory } from './socket-directory.ts'

/** A Postgres server of this node's own. The caller holds an exclusive lock on the data directory. */
export interface EmbeddedPostgres {
  /**
   * Starts the server unless it runs; creates the cluster at first use, ends or cleans up what an earlier, killed node
   * left. Resolves when it accepts connections (after crash recovery, however long that takes). Concurrent calls share
   * one start. Rejects with what to do; may be called again.
   */
  ensureRunning(): Promise<void>
  readonly connection: Connection
  /** Fast shutdown; also cuts a start short. Resolves when the server has ended; idempotent. */
  stop(): Promise<void>
  /** of the running postmaster */
  readonly pid: number | undefined
}

export interface EmbeddedPostgresOptions {
  /** of the cluster, absolute; the socket (`run/`) and `postgres.log` are put beside it */
  directory: string
  /** Of a new cluster, unless it does not exist. */
  templateFile?: string
  log: { info(message: string): void; warn(message: string): void; debug(message: string): void }
}

/** In the image, beside the program; elsewhere there is none. */
const builtIn = fileURLToPath(new URL('../../../cluster.template', import.meta.url))
/** How long a killed server's last backends may take to end. */
const remainsPatience = 30_000
const stillStartingInterval = 10_000

export function makeEmbeddedPostgres({
  directory,
  templateFile = builtIn,
  log,
}: EmbeddedPostgresOptions): EmbeddedPostgres {
  const parent = dirname(directory)
  const logFile = join(parent, 'postgres.log')
  const connection = { host: socketDirectory(directory), port, user: 'kvs', database: 'kvs' }
  let server: Server | undefined
  let starting: Promise<void> | undefined
  let stopping: Promise<void> | undefined
  let abort = new AbortController()

  const runs = () => server !== undefined && server.ended === undefined

  async function start(signal: AbortSignal): Promise<void> {
    signal.throwIfAborted()
    const since = performance.now()
    const [installed, user] = await Promise.all([findBinaries(), serverUser(directory)])
    await mkdir(parent, { recursive: true })
    await makePrivateDirectory(connection.host, user)
    const { launch, binaries } = await findLauncher(user, installed, [parent, connection.host], async () => {
      const reachable = temporaryDirectory(directory)
      await makePrivateDirectory(reachable, user)
      return copyBinaries(installed, reachable)
    })
    await prepareCluster(directory, binaries, launch, user, templateFile)

    for (;;) {
      signal.throwIfAborted()
      await clearLock(directory, (message) => log.warn(message), signal)
      await removeSockets(connection.host)
      const spawned = spawnServer({
        ...{ directory, socketDirectory: connection.host, logFile, binary: binaries.postgres, launch, user },
        onEnd(how) {
          if (server !== spawned || stopping !== undefined) return
          log.warn(`embedded Postgres (pid ${spawned.pid}) ended: ${how}; see ${logFile}`)
        },
      })
      const early = await ready(spawned, signal).catch(async (error) => {
        await spawned.stop()
        throw error
      })
      if (early === undefined) {
        server = spawned
        log.info(`embedded Postgres runs (pid ${spawned.pid}, ${Math.round(performance.now() - since)} ms)`)
        return
      }
      if (!isRemains(early) || performance.now() > since + remainsPatience) throw new Error(early)
      log.debug(`embedded Postgres starts again: ${early}`)
      await sleep(200)
    }
  }

  /** Resolves to undefined once the server takes connections, or to what it said when it ended before that. */
  async function ready(spawned: Server, signal: AbortSignal): Promise<string | undefined> {
    let nextWarning = performance.now() + stillStartingInterval
    for (;;) {
      signal.throwIfAborted()
      if (spawned.ended !== undefined) return describe(spawned.ended, await spawned.lastLines())
      // Not before the lock is this server's: on the socket could be another one.
      const lock = await readLock(directory)
      if (lock?.pid === spawned.pid && lock?.ready && (await createDatabase(connection))) return undefined
      if (performance.now() > nextWarning) {
        log.warn(`embedded Postgres is still starting: ${await spawned.lastLines()}`)
        nextWarning += stillStartingInterval
      }
      await sleep(10)
    }
  }

  /** The first line is a whole sentence: it is all that is told where there is room for one. */
  async function describe(ended: string, lines: string): Promise<string> {
    const advice = 'mend that, or set POSTGRES_HOST or DATABASE_URL to use another server'
    const reason = reasonIn(lines) || (await explainSilence())
    return `embedded Postgres ended while starting (${ended}): ${reason}: ${advice}\nThe last lines of ${logFile}:\n${lines}`
  }

  /** On a full disk not even the complaint of it gets into the log. */
  async function explainSilence(): Promise<string> {
    const isFull = await statfs(parent).then(
      ({ bavail }) => bavail === 0,
      () => false,
    )
    return isFull ? `no space is left on the disk of ${parent}` : 'it has not said why'
  }

  return {
    connection,
    get pid() {
      return runs() ? server?.pid : undefined
    },
    async ensureRunning() {
      if (starting !== undefined) return starting
      if (runs() && stopping === undefined) return
      abort = new AbortController()
      const { signal } = abort
      starting = Promise.resolve(stopping)
        .then(() => start(signal))
        .finally(() => {
          starting = undefined
        })
      return starting
    },
    stop() {
      // Also a start that waits for an earlier stop to end: no server may run once the last stop has resolved.
      abort.abort(new Error('embedded Postgres was stopped while it started'))
      stopping ??= (async () => {
        await starting?.catch(() => {})
        await server?.stop()
      })().finally(() => {
        stopping = undefined
      })
      return stopping
    },
  }
}

/** Refused because a killed server's backends are still ending, or because its lock's pid was given away just now. */
function isRemains(early: string): boolean {
  const isLocked = early.includes('lock file "') && early.includes('" already exists')
  return isLocked || early.includes('pre-existing shared memory block')
}
