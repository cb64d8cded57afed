import type { PostgresTarget } from '../config/postgres.ts'
import { makeWriter } from './append.ts'
import { type Connection, connect } from './connection.ts'
import { NotTaken } from './copy.ts'
import { explain, whereOf } from './explain.ts'
import { Diverged, type Log, type LogSession, NotAppended, Refused, Unavailable, Undecided } from './log.ts'
import { type Migration, migrate } from './migrate.ts'
import { askHead, holds, makeReader, readHead } from './read.ts'
import { loadCheckpoint, replay } from './replay.ts'
import { type AppendTally, makeAppendTally } from './tally.ts'

export interface PostgresLogOptions {
  readonly target: PostgresTarget
  /** This node's identity in the log: one data directory's, for ever. */
  readonly writerId: string
  readonly migrations: readonly Migration[]
  /** How long connecting, or the answer to one statement, may take before the connection counts as lost. */
  readonly timeoutMs: number
  /** The same for an append, where that may take less. */
  readonly appendTimeoutMs?: number
  /** Runs before each connecting: starts the embedded server where it is down. */
  readonly beforeConnecting?: () => Promise<void>
  readonly tally?: AppendTally
  readonly warn: (message: string) => void
  readonly info: (message: string) => void
}

/** The log in Postgres 14 or newer. */
export function makePostgresLog(options: PostgresLogOptions): Log {
  const { target, timeoutMs, tally = makeAppendTally() } = options
  const appendTimeoutMs = Math.min(timeoutMs, options.appendTimeoutMs ?? timeoutMs)
  const readPage = makeReader()
  const writer = makeWriter(options.writerId, appendTimeoutMs)
  const where = whereOf(target)
  let warned = ''

  return {
    async open() {
      await startServer()
      try {
        const connection = await connect(target, timeoutMs)
        return await prepare(connection).catch(async (error) => {
          await connection.close()
          throw error
        })
      } catch (error) {
        if (error instanceof Refused || error instanceof Diverged || error instanceof TypeError) throw error
        throw new Unavailable(explain(error, where), { cause: error })
      }
    },
  }

  async function startServer(): Promise<void> {
    try {
      await options.beforeConnecting?.()
    } catch (error) {
      if (error instanceof TypeError || !(error instanceof Error)) throw error
      const [sentence = ''] = error.message.split('\n')
      if (sentence !== warned && sentence !== error.message) options.warn(error.message)
      warned = sentence
      throw new Unavailable(sentence, { cause: error })
    }
  }

  async function prepare(connection: Connection): Promise<LogSession> {
    await settle(connection)
    for (const name of await migrate(connection, options.migrations)) options.info(`migrated the log: ${name}`)
    await writer.register(connection)
    const head = await readHead(connection)
    return {
      head,
      description: `${target.database} at ${target.host}:${target.port} (${connection.tls})`,
      lost: connection.lost.then((error) => new Unavailable(explain(error, where), { cause: error })),
      get committed() {
        return writer.committed
      },
      holds: (position) => explained(holds(connection, position)),
      loadCheckpoint: (load) => explained(loadCheckpoint(connection, load, options.warn)),
      replay: (after, apply) => explained(replay(connection, after, head.sequence, apply)),
      read: (after, through = endOfSequences) => explained(readPage(connection, after, through, writer.writerNumber)),
      askHead: () => explained(askHead(connection, timeoutMs / 2, writer.noteClock)),
      onOthersAppended: (callback) => connection.onNotified(callback),
      append: (writes, last) => explained(tally.count(writes.length, writer.append(connection, writes, last))),
      appendSpooled: (writes, seen) =>
        explained(tally.count(writes.length, writer.appendSpooled(connection, writes, seen))),
      appendConditional: (writes, seen, last) =>
        explained(tally.count(writes.length, writer.appendConditional(connection, writes, seen, last))),
      close: () => connection.close(),
    }
  }

  /** With a sentence for a person where the connection failed. */
  async function explained<T>(answer: Promise<T>): Promise<T> {
    try {
      return await answer
    } catch (error) {
      if (error instanceof NotTaken) throw error.cause
      if (error instanceof Undecided) throw new Undecided(explain(error.cause, where), { cause: error.cause })
      if (error instanceof NotAppended || error instanceof Diverged || error instanceof TypeError) throw error
      throw new Unavailable(explain(error, where), { cause: error })
    }
  }

  /** Sets what the promises rest on for this connection, and refuses or warns of what only the server can set. */
  async function settle(connection: Connection): Promise<void> {
    const { rows } = await connection.query<[number, string, string, boolean, string]>({
      text: `SELECT current_setting('server_version_num')::int, current_setting('server_encoding'), current_setting('fsync'),
        pg_is_in_recovery(),
        -- 'off' would acknowledge before the commit is on disk
        set_config('synchronous_commit', replace(current_setting('synchronous_commit'), 'off', 'on'), false)
        -- the append rests on each of its locks being taken on the newest version of a row
        || set_config('default_transaction_isolation', 'read committed', false)
        || set_config('statement_timeout', '0', false) || set_config('lock_timeout', '0', false)
        || set_config('idle_session_timeout', '0', false)
        -- planning the append anew for each batch takes longer than running it
        || set_config('plan_cache_mode', 'force_generic_plan', false)`,
    })
    const [version = 0, encoding, fsync, isStandby] = rows[0] ?? []
    if (version < 140_000) throw new Refused(`Postgres ${version / 10_000} is too old: version 14 or newer is needed`)
    if (encoding !== 'UTF8') {
      throw new Refused(`the database "${target.database}" has the encoding ${encoding}; make one with ENCODING 'UTF8'`)
    }
    if (isStandby)
      throw new Unavailable(`Postgres at ${target.host}:${target.port} is a standby, which takes no writes`)
    // Lets the server notice that a node is gone while its statement waits for a lock; not every platform can.
    await connection.query({ text: 'SET client_connection_check_interval = 1000' }).catch(ignoreAnswer)
    await connection.query({ text: 'LISTEN kvs_log' }).catch(ignoreAnswer) // not behind every proxy, and only a hint
    const warning =
      fsync === 'off' ? 'Postgres runs with fsync=off: a crash of its machine loses acknowledged writes' : ''
    if (warning && warning !== warned) options.warn(warning)
    warned = warning
  }
}

/** Of a bigint in Postgres */
const endOfSequences = 2n ** 63n - 1n

function ignoreAnswer(error: unknown): void {
  if (!(error instanceof Error && 'severity' in error)) throw error
}
