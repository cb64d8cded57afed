import { DatabaseError } from 'pg'
import type { PostgresTarget } from '../../config/index.ts'
import {
  type AppendTally,
  Diverged,
  type Log,
  type LogSession,
  makeAppendTally,
  NotAppended,
  Refused,
  Unavailable,
  Undecided,
} from '../index.ts'
import { type Connection, connect } from './connection.ts'
import { NotTaken } from './copy.ts'
import { explain, whereOf } from './failure-sentences.ts'
import { type Migration, migrate } from './migrations.ts'
import { askHead, holds, makeReader, readHead } from './reader.ts'
import { loadCheckpoint, replay } from './replay.ts'
import { requireDailyRights } from './rights.ts'
import { enterSchema } from './schema.ts'
import { openSession } from './server-session.ts'
import { makeWriter } from './writer.ts'

export interface PostgresLogOptions {
  readonly target: PostgresTarget
  /** This node's identity in the log: one data directory's, for ever. */
  readonly writerId: string
  /** The log that is to be found again, in whatever schema of the database; undefined where any will do. */
  readonly knownLogId?: () => string | undefined
  /** Whether it is only ever that one: another is `Diverged`, and none is made. */
  readonly mustBeKnown?: boolean
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
  const told = new Set<string>()
  let metLogId: string | undefined

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
        const isTold = [Refused, Diverged, Unavailable, TypeError].some((kind) => error instanceof kind)
        throw isTold ? error : new Unavailable(explain(error, where), { cause: error })
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
    const { processId, warning } = await openSession(connection, target, timeoutMs)
    if (warning && warning !== warned) options.warn(warning)
    warned = warning
    await findSchema(connection)
    const migrated = await migrate(connection, options.migrations, target.user)
    for (const name of migrated) options.info(`migrated the log: ${name}`)
    await writer.register(connection)
    const head = await readHead(connection)
    metLogId = head.logId
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
      askHead: () => explained(askHead(connection, timeoutMs / 2, processId, writer.noteClock)),
      onOthersAppended: (callback) => connection.onNotified((sender) => sender !== processId && callback()),
      append: (writes, last) => explained(tally.count(writes.length, writer.append(connection, writes, last))),
      appendSpooled: (writes, seen) =>
        explained(tally.count(writes.length, writer.appendSpooled(connection, writes, seen))),
      appendConditional: (writes, seen, last) =>
        explained(tally.count(writes.length, writer.appendConditional(connection, head.logId, writes, seen, last))),
      close: () => connection.close(),
    }
  }

  /** And makes sure that it can be used, before anything is made or changed in it. */
  async function findSchema(connection: Connection): Promise<void> {
    const known = {
      logId: metLogId ?? options.knownLogId?.(),
      isMet: metLogId !== undefined || options.mustBeKnown === true,
    }
    const warnings = [
      await enterSchema(connection, known, target.user),
      await requireDailyRights(connection, target.user),
    ]
    for (const warning of warnings) {
      if (warning && !told.has(warning)) options.warn(warning)
      told.add(warning)
    }
  }

  /** With a sentence for a person where the connection failed. */
  async function explained<T>(answer: Promise<T>): Promise<T> {
    try {
      return await answer
    } catch (error) {
      if (error instanceof NotTaken) throw error.cause
      if (error instanceof Undecided) throw new Undecided(explain(error.cause, where), { cause: error.cause })
      if (isLostStatement(error)) throw new NotAppended(explain(error.cause, where), true, error.cause)
      const isTold = [NotAppended, Diverged, Unavailable, TypeError].some((kind) => error instanceof kind)
      throw isTold ? error : new Unavailable(explain(error, where), { cause: error })
    }
  }
}

/** What was prepared for the append is not there, or another's: that alone does not say why. */
function isLostStatement(error: unknown): error is NotAppended {
  return (
    error instanceof NotAppended &&
    error.cause instanceof DatabaseError &&
    /^(26000|42P05)/.test(error.cause.code ?? '')
  )
}

/** Of a bigint in Postgres */
const endOfSequences = 2n ** 63n - 1n
