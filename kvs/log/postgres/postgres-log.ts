import { DatabaseError } from 'pg'
import type { PostgresTarget } from '../../config/index.ts'
import { type Clock, systemClock } from '../../lib/clock.ts'
import { type Random, systemRandom } from '../../lib/random.ts'
import {
  type AppendTally,
  Diverged,
  type Head,
  type Log,
  type LogSession,
  makeAppendTally,
  makeWriter,
  NotAppended,
  Refused,
  Unavailable,
  Undecided,
  type Writer,
} from '../index.ts'
import { type Connection, connect } from './connection.ts'
import { NotTaken } from './copy-query.ts'
import { explain, type Where, whereOf } from './failure-explanation.ts'
import { askHead, holds, readHead } from './log-end.ts'
import { type Migration, migrate } from './migrations.ts'
import { makePageReader, type ReadPage } from './page-reader.ts'
import { loadCheckpoint, replay } from './replay.ts'
import { requireDailyRights } from './rights.ts'
import { enterSchema } from './schema-search.ts'
import { openSession } from './server-session.ts'
import { makeWriterStatements } from './writer-statements.ts'

export interface PostgresLogOptions {
  readonly target: PostgresTarget
  /** This node's identity in the log: one data directory's, for ever. */
  readonly writerId: string
  /** The id of the log to find, in whatever schema of the database; undefined for any log. */
  readonly knownLogId?: () => string | undefined
  /** Only the known log will do: any other is `Diverged`, and none is made. */
  readonly mustBeKnown?: boolean
  readonly migrations: readonly Migration[]
  /**
   * How long connecting, or the answer to one statement, may take before the connection counts as lost, in
   * milliseconds.
   */
  readonly timeoutMs: number
  /** The same for an append; `timeoutMs` where that is less, or without it. */
  readonly appendTimeoutMs?: number
  /** Runs before each attempt to connect: starts the embedded server where it is down. */
  readonly beforeConnecting?: () => Promise<void>
  readonly tally?: AppendTally
  readonly warn: (message: string) => void
  readonly info: (message: string) => void
  readonly clock?: Clock
  readonly random?: Random
}

/** What the functions below share; it outlives connections. */
interface State {
  readonly options: PostgresLogOptions
  readonly clock: Clock
  readonly tally: AppendTally
  readonly appendTimeoutMs: number
  readonly readPage: ReadPage
  readonly writer: Writer
  readonly where: Where
  /** The last warning about the server. It is repeated only after another one. */
  serverWarning: string
  /** Warnings about schema and rights, of which each is logged once. */
  readonly warned: Set<string>
  /** The id of the log that this process was connected to. */
  metLogId: string | undefined
}

/** The log in Postgres 14 or newer. */
export function makePostgresLog(options: PostgresLogOptions): Log {
  const { target, timeoutMs, clock = systemClock, random = systemRandom } = options
  const appendTimeoutMs = Math.min(timeoutMs, options.appendTimeoutMs ?? timeoutMs)
  const state: State = {
    options,
    clock,
    tally: options.tally ?? makeAppendTally(clock),
    appendTimeoutMs,
    readPage: makePageReader(),
    writer: makeWriter({ id: options.writerId, timeoutMs: appendTimeoutMs, clock, random }),
    where: whereOf(target),
    serverWarning: '',
    warned: new Set(),
    metLogId: undefined,
  }
  return {
    async open() {
      await startServer(state)
      try {
        const connection = await connect(target, timeoutMs, clock)
        return await prepareSession(state, connection).catch(async (error) => {
          await connection.close()
          throw error
        })
      } catch (error) {
        const isExplained = [Refused, Diverged, Unavailable, TypeError].some((kind) => error instanceof kind)
        throw isExplained ? error : new Unavailable(explain(error, state.where), { cause: error })
      }
    },
    now: state.writer.now,
  }
}

async function startServer(state: State): Promise<void> {
  const { beforeConnecting, warn } = state.options
  try {
    await beforeConnecting?.()
  } catch (error) {
    if (error instanceof TypeError || !(error instanceof Error)) throw error
    const [sentence = ''] = error.message.split('\n')
    if (sentence !== state.serverWarning && sentence !== error.message) warn(error.message)
    state.serverWarning = sentence
    throw new Unavailable(sentence, { cause: error })
  }
}

async function prepareSession(state: State, connection: Connection): Promise<LogSession> {
  const { target, timeoutMs, migrations, warn, info } = state.options
  const { processId, warning } = await openSession(connection, target, timeoutMs)
  if (warning && warning !== state.serverWarning) warn(warning)
  state.serverWarning = warning
  await findSchema(state, connection)
  for (const name of await migrate(connection, migrations, target.user)) info(`migrated the log: ${name}`)
  await state.writer.register(makeWriterStatements(connection, state.appendTimeoutMs))
  const head = await readHead(connection)
  state.metLogId = head.logId
  return makeSession(state, connection, processId, head)
}

/** Enters the log's schema, and checks the role's rights there, before anything is made or changed in it. */
async function findSchema({ options, metLogId, warned }: State, connection: Connection): Promise<void> {
  const known = {
    logId: metLogId ?? options.knownLogId?.(),
    isMet: metLogId !== undefined || options.mustBeKnown === true,
  }
  const { user } = options.target
  const warnings = [await enterSchema(connection, known, user), await requireDailyRights(connection, user)]
  for (const warning of warnings) {
    if (warning && !warned.has(warning)) options.warn(warning)
    warned.add(warning)
  }
}

/** @param processId number of the server's process that serves the connection */
function makeSession(state: State, connection: Connection, processId: number, head: Head): LogSession {
  const { options, writer, tally, where } = state
  const { target, timeoutMs, warn } = options
  const statements = makeWriterStatements(connection, state.appendTimeoutMs)
  const explained = <T>(answer: Promise<T>) => withExplanation(answer, where)
  const append = <T>(writes: readonly unknown[], answer: Promise<T>) => explained(tally.count(writes.length, answer))
  return {
    head,
    description: `${target.database} at ${target.host}:${target.port} (${connection.tls})`,
    lost: connection.lost.then((error) => new Unavailable(explain(error, where), { cause: error })),
    get committed() {
      return writer.committed
    },
    holds: (position) => explained(holds(connection, position)),
    loadCheckpoint: (load) => explained(loadCheckpoint(connection, load, warn)),
    replay: (after, apply) => explained(replay(connection, after, head.sequence, apply)),
    read: (after, through = lastSequence) => explained(state.readPage(connection, after, through, writer.writerNumber)),
    askHead: () => explained(askHead(connection, timeoutMs / 2, processId, writer.noteServerTime)),
    onOthersAppended: (callback) => connection.onNotified((sender) => sender !== processId && callback()),
    append: (writes, last) => append(writes, writer.append(statements, writes, last)),
    appendSpooled: (writes, seen) => append(writes, writer.appendSpooled(statements, writes, seen)),
    appendConditional: (decided, seen, last) =>
      append(
        decided.flatMap(({ writes }) => writes),
        writer.appendConditional(statements, head.logId, decided, seen, last),
      ),
    close: () => connection.close(),
  }
}

/**
 * Replaces the error of a connection that failed by a sentence for a person, and unwraps what a receiver of rows threw.
 */
async function withExplanation<T>(answer: Promise<T>, where: Where): Promise<T> {
  try {
    return await answer
  } catch (error) {
    if (error instanceof NotTaken) throw error.cause
    if (error instanceof Undecided) {
      const { cause, mayLandUntil } = error
      throw new Undecided(explain(cause, where), { cause, mayLandUntil })
    }
    if (isPreparedStatementLost(error)) throw new NotAppended(explain(error.cause, where), true, error.cause)
    const isExplained = [NotAppended, Diverged, Unavailable, TypeError].some((kind) => error instanceof kind)
    throw isExplained ? error : new Unavailable(explain(error, where), { cause: error })
  }
}

/**
 * 26000, 42P05: the append's prepared statement is not there, or is another session's. The server's words don't say
 * why.
 */
function isPreparedStatementLost(error: unknown): error is NotAppended {
  if (!(error instanceof NotAppended) || !(error.cause instanceof DatabaseError)) return false
  return /^(26000|42P05)/.test(error.cause.code ?? '')
}

/** The largest bigint in Postgres. */
const lastSequence = 2n ** 63n - 1n
