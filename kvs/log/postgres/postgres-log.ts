import type { PostgresTarget } from '../../config/index.ts'
import { type Clock, systemClock } from '../../lib/clock.ts'
import { type Random, systemRandom } from '../../lib/random.ts'
import {
  type AppendTally,
  type Head,
  type Log,
  type LogSession,
  makeAppendTally,
  makeWriter,
  Unavailable,
  type Writer,
} from '../index.ts'
import { type Connection, connect } from './connection.ts'
import { type Where, whereOf } from './failure-explanation.ts'
import { askHead, holds, readHead } from './log-end.ts'
import { type Migration, migrate } from './migrations.ts'
import { lastSequence, makePageReader, type ReadPage } from './page-reader.ts'
import { loadCheckpoint, replay } from './replay.ts'
import { requireDailyRights } from './rights.ts'
import { enterSchema } from './schema-search.ts'
import { openSession } from './server-session.ts'
import { explainLoss, openOver, withExplanation } from './session-failures.ts'
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
      return openOver(connect(target, timeoutMs, clock), state.where, (connection) => prepareSession(state, connection))
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
  const statements = makeWriterStatements(connection, state.appendTimeoutMs)
  await state.writer.register(statements)
  const head = await readHead(connection)
  // One that came since the registration is in the head, though not among those that the registration counted.
  if (head.ring !== undefined) await state.writer.seeRing(statements, head.ring.sequence)
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
    lost: explainLoss(connection, where),
    get committed() {
      return writer.committed
    },
    holds: (position) => explained(holds(connection, position)),
    loadCheckpoint: (load, needsTombstones = false) =>
      explained(loadCheckpoint(connection, load, warn, needsTombstones)),
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
    seeRing: (through) => explained(writer.seeRing(statements, through)),
    close: () => connection.close(),
  }
}
