import { forPurpose, type PostgresTarget } from '../../config/index.ts'
import type { Membership } from '../../core/operation/membership.ts'
import { type Clock, systemClock } from '../../lib/clock.ts'
import { type Random, systemRandom } from '../../lib/random.ts'
import {
  type LastOfOrigin,
  type LogImport,
  type LogReader,
  makeTakenOver,
  makeWriter,
  type SiteLog,
  siteWriterId,
} from '../index.ts'
import { type Connection, connect } from './connection.ts'
import { type Where, whereOf } from './failure-explanation.ts'
import { forgetDeletes, readDeletes, readForgotten } from './forgotten-deletes.ts'
import { askHead, readHead } from './log-end.ts'
import { lastSequence, makePageReader, type ReadPage } from './page-reader.ts'
import { enterSchema } from './schema-search.ts'
import { openSession } from './server-session.ts'
import { explainLoss, openOver, withExplanation } from './session-failures.ts'
import { highestStamp, makeOwnEnd, readMembers, readOrigins, stampOfOwn, takeLead } from './site-statements.ts'
import { makeWriterStatements } from './writer-statements.ts'

export interface PostgresSiteLogOptions {
  readonly target: PostgresTarget
  /**
   * The id of the log to find, in whatever schema of the database; undefined for the one that the search_path leads to.
   */
  readonly logId?: () => string | undefined
  /**
   * How long connecting, or the answer to one statement, may take before the connection counts as lost, in
   * milliseconds.
   */
  readonly timeoutMs: number
  /** The same for an append; `timeoutMs` where that is less, or without it. */
  readonly appendTimeoutMs?: number
  /** What there is to say of server and schema, each once. The node's own log says it as well. */
  readonly warn?: (message: string) => void
  readonly clock?: Clock
  readonly random?: Random
}

/** What the functions below share; it outlives connections. */
interface State {
  readonly options: PostgresSiteLogOptions
  readonly clock: Clock
  readonly random: Random
  readonly appendTimeoutMs: number
  readonly readPage: ReadPage
  readonly warned: Set<string>
}

/** The site's log in Postgres, whose schema the node's own session has made, or brought to this program's version. */
export function makePostgresSiteLog(options: PostgresSiteLogOptions): SiteLog {
  const { timeoutMs, clock = systemClock, random = systemRandom } = options
  const appendTimeoutMs = Math.min(timeoutMs, options.appendTimeoutMs ?? timeoutMs)
  const state: State = { options, clock, random, appendTimeoutMs, readPage: makePageReader(), warned: new Set() }

  function open<Session>(purpose: string, prepare: (over: Over) => Promise<Session>): Promise<Session> {
    const target = forPurpose(options.target, purpose)
    const where = whereOf(target)
    return openOver(connect(target, timeoutMs, clock), where, async (connection) => {
      const processId = await enterLog(state, connection, target)
      return prepare({ connection, where, processId, logId: (await readHead(connection)).logId })
    })
  }

  return {
    openReader: () => open('reader', async (over) => makeReader(state, over)),
    openImport: () => open('import', (over) => makeImport(state, over)),
    readMembers: () => open('members', (over) => once(over, readMembers(over.connection))),
    appendMember: (change) => open('members', (over) => once(over, appendMember(state, over, change))),
    readForgotten: () => open('members', (over) => once(over, readForgotten(over.connection))),
  }
}

/** A connection to the log. */
interface Over {
  readonly connection: Connection
  readonly where: Where
  /** Number of the server's process that serves the connection. */
  readonly processId: number
  readonly logId: string
}

async function enterLog({ options, warned }: State, connection: Connection, target: PostgresTarget): Promise<number> {
  const { processId, warning } = await openSession(connection, target, options.timeoutMs)
  const logId = options.logId?.()
  const warnings = [warning, await enterSchema(connection, { logId, isMet: logId !== undefined }, target.user)]
  for (const warning of warnings) {
    if (warning && !warned.has(warning)) options.warn?.(warning)
    warned.add(warning)
  }
  return processId
}

/** Closes the connection after its one answer. */
async function once<T>({ connection, where }: Over, answer: Promise<T>): Promise<T> {
  try {
    return await withExplanation(answer, where)
  } finally {
    await connection.close()
  }
}

async function appendMember(
  { random, clock, appendTimeoutMs }: State,
  { connection, logId }: Over,
  change: Membership,
) {
  const statements = makeWriterStatements(connection, appendTimeoutMs)
  const writer = makeWriter({ id: siteWriterId('members', logId), timeoutMs: appendTimeoutMs, clock, random })
  await writer.register(statements)
  return writer.append(statements, [change])
}

function makeReader({ options, readPage }: State, over: Over): LogReader {
  const { connection, where, processId, logId } = over
  const ownEnd = makeOwnEnd(connection)
  const explained = <T>(answer: Promise<T>) => withExplanation(answer, where)

  async function positionThrough(sequence: bigint) {
    const others = await readOrigins(connection, sequence)
    const own: LastOfOrigin = { logId, sequence: await ownEnd(sequence), stamp: 0 }
    const stamp = await highestStamp(connection, sequence)
    return { ...makeTakenOver([own, ...others]).position, stamp }
  }

  return {
    logId,
    lost: explainLoss(connection, where),
    askHead: () => explained(askHead(connection, options.timeoutMs / 2, processId, () => undefined)),
    positionThrough: (sequence) => explained(positionThrough(sequence)),
    stampAt: (sequence) => explained(stampOfOwn(connection, sequence)),
    read: (after, through = lastSequence) => explained(readPage(connection, after, through, noWriter)),
    close: () => connection.close(),
  }
}

/** Takes the lead before anything else, so that what it reads then is final. */
async function makeImport(
  { options, random, clock, appendTimeoutMs }: State,
  { connection, where, processId, logId }: Over,
): Promise<LogImport | undefined> {
  if (!(await takeLead(connection, logId))) {
    await connection.close()
    return undefined
  }
  const statements = makeWriterStatements(connection, appendTimeoutMs)
  const writer = makeWriter({ id: siteWriterId('import', logId), timeoutMs: appendTimeoutMs, clock, random })
  await writer.register(statements)
  const takenOver = makeTakenOver(await readOrigins(connection, lastSequence))
  let forgotten = await readForgotten(connection)
  return {
    logId,
    get position() {
      return takenOver.position
    },
    lastStampOf: takenOver.lastStampOf,
    lost: explainLoss(connection, where),
    async append(entries, seen) {
      const end = await withExplanation(writer.appendForeign(statements, entries, seen), where)
      takenOver.note(entries)
      return end
    },
    get forgotten() {
      return forgotten
    },
    async forget(through) {
      forgotten = await withExplanation(forgetDeletes(connection, through), where)
    },
    readDeletes: (...range) => withExplanation(readDeletes(connection, ...range), where),
    askHead: () =>
      withExplanation(
        askHead(connection, options.timeoutMs / 2, processId, () => undefined),
        where,
      ),
    close: () => connection.close(),
  }
}

/** Writers count from 1, so no entry is this one's. */
const noWriter = 0
