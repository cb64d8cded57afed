import { mkdir, statfs } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { type Clock, systemClock } from '../../lib/clock.ts'
import { copyBinaries, findBinaries } from './binaries.ts'
import { prepareCluster } from './cluster.ts'
import { createDatabase, type ServerAddress } from './database-creation.ts'
import { findLauncher, serverUser } from './launcher.ts'
import { clearLock, readLock } from './postmaster-lock.ts'
import { reasonIn } from './program-output.ts'
import { type Server, type ServerOptions, spawnServer } from './server-process.ts'
import { makePrivateDirectory, port, removeSockets, socketDirectory, temporaryDirectory } from './socket-directory.ts'

/** A Postgres server that belongs to this node. The caller holds an exclusive lock on the data directory. */
export interface EmbeddedPostgres {
  /**
   * Starts the server unless it runs. Makes the cluster at first use, and ends or cleans up what an earlier, killed
   * node left. Resolves when the server accepts connections, which is after its crash recovery, however long that
   * takes. Concurrent calls share one start. Rejects with what to do, and may be called again.
   */
  ensureRunning(): Promise<void>
  /** Where the server listens, with its user and database. */
  readonly connection: ServerAddress
  /** Fast shutdown, which cuts a start short as well. Resolves when the server has ended. Idempotent. */
  stop(): Promise<void>
  /** The running postmaster's pid; undefined where none runs. */
  readonly pid: number | undefined
}

export interface EmbeddedPostgresOptions {
  /** The cluster's directory, absolute. The socket (`run/`) and `postgres.log` are beside it. */
  directory: string
  /** A new cluster is unpacked from this file; where there is no such file, initdb makes it. */
  templateFile?: string
  log: { info(message: string): void; warn(message: string): void; debug(message: string): void }
  clock?: Clock
}

/** The image has it beside the program; elsewhere there is none. */
const builtInTemplate = fileURLToPath(new URL('../../../cluster.template', import.meta.url))
/** How long a killed server's last backends may take to end. */
const remainsPatienceMs = 30_000
const stillStartingEveryMs = 10_000

/** What the functions below share. */
interface State {
  readonly directory: string
  /** The directory that has the cluster, the socket and the server's log in it. */
  readonly parent: string
  readonly logFile: string
  readonly templateFile: string
  readonly log: EmbeddedPostgresOptions['log']
  readonly clock: Clock
  readonly connection: ServerAddress
  server: Server | undefined
  starting: Promise<void> | undefined
  stopping: Promise<void> | undefined
  /** Aborts the start that is under way. */
  abort: AbortController
}

export function makeEmbeddedPostgres(options: EmbeddedPostgresOptions): EmbeddedPostgres {
  const { directory, templateFile = builtInTemplate, log, clock = systemClock } = options
  const parent = dirname(directory)
  const connection = { host: socketDirectory(directory), port, user: 'kvs', database: 'kvs' }
  const state: State = {
    ...{ directory, parent, logFile: join(parent, 'postgres.log'), templateFile, log, clock, connection },
    ...{ server: undefined, starting: undefined, stopping: undefined, abort: new AbortController() },
  }
  const runs = () => state.server !== undefined && state.server.ended === undefined

  return {
    connection,
    get pid() {
      return runs() ? state.server?.pid : undefined
    },
    async ensureRunning() {
      if (state.starting !== undefined) return state.starting
      if (runs() && state.stopping === undefined) return
      state.abort = new AbortController()
      const { signal } = state.abort
      state.starting = Promise.resolve(state.stopping)
        .then(() => start(state, signal))
        .finally(() => {
          state.starting = undefined
        })
      return state.starting
    },
    stop() {
      // This also aborts a start that waits for an earlier stop to end: no server may run once the last stop has
      // resolved.
      state.abort.abort(new Error('embedded Postgres was stopped while it started'))
      state.stopping ??= (async () => {
        await state.starting?.catch(() => {})
        await state.server?.stop()
      })().finally(() => {
        state.stopping = undefined
      })
      return state.stopping
    },
  }
}

async function start(state: State, signal: AbortSignal): Promise<void> {
  const { directory, connection, clock, log } = state
  signal.throwIfAborted()
  const since = clock.now()
  const options = await prepareDirectories(state)
  for (;;) {
    signal.throwIfAborted()
    await clearLock(directory, (message) => log.warn(message), signal, clock)
    await removeSockets(connection.host)
    const spawned = spawn(state, options)
    const failure = await untilReady(state, spawned, signal).catch(async (error) => {
      await spawned.stop()
      throw error
    })
    if (failure === undefined) {
      state.server = spawned
      log.info(`embedded Postgres runs (pid ${spawned.pid}, ${Math.round(clock.now() - since)} ms)`)
      return
    }
    if (!isFromRemains(failure) || clock.now() > since + remainsPatienceMs) throw new Error(failure)
    log.debug(`embedded Postgres starts again: ${failure}`)
    await clock.sleep(200)
  }
}

/** Makes the cluster, and finds how to run the server on it. */
async function prepareDirectories(state: State): Promise<Omit<ServerOptions, 'onEnd'>> {
  const { directory, parent, logFile, connection, templateFile, clock } = state
  const [installed, user] = await Promise.all([findBinaries(), serverUser(directory)])
  await mkdir(parent, { recursive: true })
  await makePrivateDirectory(connection.host, user)
  const { launch, binaries } = await findLauncher(user, installed, [parent, connection.host], async () => {
    const reachable = temporaryDirectory(directory)
    await makePrivateDirectory(reachable, user)
    return copyBinaries(installed, reachable)
  })
  await prepareCluster(directory, binaries, launch, user, templateFile, clock)
  return { directory, socketDirectory: connection.host, logFile, binary: binaries.postgres, launch, user }
}

function spawn(state: State, options: Omit<ServerOptions, 'onEnd'>): Server {
  const spawned = spawnServer({
    ...options,
    onEnd(how) {
      if (state.server !== spawned || state.stopping !== undefined) return
      state.log.warn(`embedded Postgres (pid ${spawned.pid}) ended: ${how}; see ${state.logFile}`)
    },
  })
  return spawned
}

/** Undefined once the server accepts connections; else why it ended before that. */
async function untilReady(state: State, spawned: Server, signal: AbortSignal): Promise<string | undefined> {
  const { directory, connection, clock, log } = state
  const since = clock.now()
  let nextWarning = since + stillStartingEveryMs
  for (;;) {
    signal.throwIfAborted()
    if (spawned.ended !== undefined) return describeEnd(state, spawned.ended, await spawned.lastLines())
    // Until the lock is this server's, another one may listen at the socket.
    const lock = await readLock(directory)
    if (lock?.pid === spawned.pid && lock?.ready && (await createDatabase(connection))) return undefined
    if (clock.now() > nextWarning) {
      log.warn(`embedded Postgres is still starting: ${await spawned.lastLines()}`)
      nextWarning += stillStartingEveryMs
    }
    // Most servers are ready within 50 ms; one that recovers from a crash may take minutes.
    await clock.sleep(clock.now() - since < 500 ? 2 : 10)
  }
}

/** The first line is a whole sentence, for places that have room for one line. */
async function describeEnd({ parent, logFile }: State, ended: string, lines: string): Promise<string> {
  const advice = 'mend that, or set POSTGRES_HOST or DATABASE_URL to use another server'
  const reason = reasonIn(lines) || (await explainSilence(parent))
  return (
    `embedded Postgres ended while starting (${ended}): ${reason}: ${advice}\nThe last lines of ` +
    `${logFile}:\n${lines}`
  )
}

/** On a full disk not even the error gets into the log. */
async function explainSilence(parent: string): Promise<string> {
  const isFull = await statfs(parent).then(
    ({ bavail }) => bavail === 0,
    () => false,
  )
  return isFull ? `no space is left on the disk of ${parent}` : 'it has not said why'
}

/**
 * Whether a killed server's backends are still ending, or the pid in its lock was given to another process just now.
 */
function isFromRemains(failure: string): boolean {
  const isLocked = failure.includes('lock file "') && failure.includes('" already exists')
  return isLocked || failure.includes('pre-existing shared memory block')
}
