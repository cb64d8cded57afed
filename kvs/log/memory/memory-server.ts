import { type Clock, systemClock } from '../../lib/clock.ts'
import { type Random, systemRandom } from '../../lib/random.ts'
import { advanceCheckpoint, damageCheckpoint } from './checkpointing.ts'
import { copyTables, makeTables, type StoredEntry, type Tables, type WriteRule } from './tables.ts'

export interface MemoryServerOptions {
  /** The server's own clock; it may be another one than its nodes'. */
  readonly clock?: Clock
  readonly random?: Random
  /** Told of the entries that a statement has appended, once they are committed. */
  readonly onCommitted?: (entries: readonly StoredEntry[]) => void
}

/** What a node's end of a connection is told by the server. */
export interface Client {
  onNotified(): void
  onEnded(reason: Error): void
}

/**
 * A statement runs on the server, all of it at one moment: `serverSeconds` since 1970 by the server's clock. `takeLead`
 * makes its session the leader of a purpose until that ends; it returns false where another session is.
 */
export type Statement<Result> = (tables: Tables, serverSeconds: number, takeLead: TakeLead) => Result

type TakeLead = (of: 'import' | 'move') => boolean

/** The server's end of a connection. */
export interface ServerSession {
  /** Throws `SessionEnded` where the session is over, and `StatementRefused` where the statement changed nothing. */
  run<Result>(statement: Statement<Result>): Result
  /** Ends the session: what is on its way to it is never done. */
  end(): void
}

/** A backup of a log, as of one moment. */
export interface LogCopy {
  readonly tables: Tables
}

/**
 * The server of one log, which several nodes share. Nodes get there through `makeMemoryLog`; all but `connect` is for a
 * simulator or a test.
 */
export interface MemoryServer {
  /** Throws `SessionEnded` where the server is stopped, `SessionRefused` where it refuses sessions. */
  connect(client: Client): ServerSession
  readonly logId: string
  /** Every entry of the log, in order. */
  readonly entries: readonly StoredEntry[]
  /** Ends all sessions, and takes no new ones until `start`. What is committed stays. */
  stop(): void
  start(): void
  /** Ends all sessions, as a restart does: what is under way to the server never lands. */
  endSessions(): void
  /** Refuses each new session for good, as a log with a newer schema does; undefined lets them in again. */
  refuseSessions(reason: string | undefined): void
  /** Refuses writes by a rule from now on; without one, stores all writes again. */
  refuseWrites(rule?: WriteRule): void
  copy(): LogCopy
  /**
   * Puts a copy in the log's place, and ends all sessions: what was committed since is gone. The copy of another server
   * is another log.
   */
  restore(copy: LogCopy): void
  /** Puts an entry at the log's end as another hand would, past all rules; by default a delete without a digest. */
  insertByHand(entry: Partial<StoredEntry>): void
  /**
   * Brings the checkpoint on by `most` entries, or to the log's end, with or without tombstones. Throws at an entry of
   * an unknown kind.
   */
  advanceCheckpoint(most?: number, tombstones?: boolean): void
  /** Loses a key of the checkpoint, as a damaged disk may. */
  damageCheckpoint(): void
}

/** The session is over: the server was stopped, or has ended it. */
export class SessionEnded extends Error {
  override readonly name = 'SessionEnded'
}

/** The server takes no sessions, and waiting won’t help. */
export class SessionRefused extends Error {
  override readonly name = 'SessionRefused'
}

export function makeMemoryServer({
  clock = systemClock,
  random = systemRandom,
  onCommitted,
}: MemoryServerOptions = {}): MemoryServer {
  let tables = makeTables(random)
  let isUp = true
  let refusal: string | undefined
  const leaders = new Map<Parameters<TakeLead>[0], ServerSession>()
  const sessions = new Map<ServerSession, Client>()

  function connect(client: Client): ServerSession {
    if (!isUp) throw new SessionEnded('the server is stopped')
    if (refusal !== undefined) throw new SessionRefused(refusal)
    const session: ServerSession = {
      run(statement) {
        if (!sessions.has(session)) throw new SessionEnded('the server has ended the session')
        const before = tables.entries.length
        const result = statement(tables, clock.wallTime() / 1_000, (of) => takeLead(session, of))
        if (tables.entries.length === before) return result
        onCommitted?.(tables.entries.slice(before))
        notifyOthers(session)
        return result
      },
      end: () => void sessions.delete(session),
    }
    sessions.set(session, client)
    return session
  }

  function takeLead(session: ServerSession, of: Parameters<TakeLead>[0]): boolean {
    const leader = leaders.get(of)
    if (leader !== undefined && sessions.has(leader)) return leader === session
    leaders.set(of, session)
    return true
  }

  function notifyOthers(sender: ServerSession): void {
    for (const [session, client] of sessions) {
      if (session !== sender) client.onNotified()
    }
  }

  function endSessions(): void {
    const clients = [...sessions.values()]
    sessions.clear()
    for (const client of clients) client.onEnded(new SessionEnded('the server has ended the connection'))
  }

  return {
    connect,
    get logId() {
      return tables.logId
    },
    get entries() {
      return tables.entries
    },
    stop() {
      isUp = false
      endSessions()
    },
    start() {
      isUp = true
    },
    endSessions,
    refuseSessions(reason) {
      refusal = reason
    },
    refuseWrites(rule = () => undefined) {
      tables.writeRule = rule
    },
    copy: () => ({ tables: copyTables(tables) }),
    restore(copy) {
      tables = { ...copyTables(copy.tables), writeRule: tables.writeRule }
      endSessions()
    },
    insertByHand(entry) {
      tables.entries.push({ ...strayDelete, ...entry, sequence: BigInt(tables.entries.length + 1) })
    },
    advanceCheckpoint: (most, tombstones) => advanceCheckpoint(tables, most, tombstones),
    damageCheckpoint: () => damageCheckpoint(tables),
  }
}

const strayDelete: Omit<StoredEntry, 'sequence'> = {
  eventType: 1,
  key: 'stray',
  value: undefined,
  contentType: undefined,
  deadline: undefined,
  recordedAt: 0,
  digest: Buffer.alloc(0),
  stamp: 0,
  highestStamp: 0,
  origin: undefined,
  after: undefined,
  earlier: undefined,
  superseded: false,
  writer: undefined,
  writeNumber: undefined,
}
