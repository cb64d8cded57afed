import { randomUUID } from 'node:crypto'
import type { LogPoint, SpooledWrite, Write } from '../../core/entry.ts'
import { advice, type Committed, Diverged, type LogSession, NotAppended, Unappendable, Undecided } from '../index.ts'
import { isAnswer, takesNoWrites } from './answers.ts'
import { booleanArray } from './binary-arrays.ts'
import { brokenLog, isBroken } from './broken-log.ts'
import { columns } from './columns.ts'
import { appendConditional, decidedColumns, toVerdict, type VerdictRow } from './conditional-append.ts'
import type { Connection } from './connection.ts'
import { serverClock } from './server-clock.ts'

/**
 * One statement, one round trip, a batch. The function takes the lock on this writer's row, and goes on only where this
 * connection's session is still the writer's; then the lock on the log's head, held to commit, under which it reads the
 * log's end: so sequences are gapless and in commit order. Migrations/005_append_only_head.sql has it, and why an append
 * changes no row that is there.
 */
const statement = (lands: { until: string; superseded: string; seen: string }) => `
  SELECT outcome, sequence, digest, ${serverClock}
  FROM append_writes($1, $2, $3, $4, $5, $6, $7, $8, ${lands.until}, ${lands.superseded}, ${lands.seen})`

/**
 * Not past the time at which its answer is given up on: the network may deliver it later, when the node has spooled and
 * acknowledged the batch, and others have committed what it must not overwrite.
 */
const append = { name: 'append', text: statement({ until: '$9', superseded: 'NULL', seen: 'NULL' }) }

/** What others have committed after `seen`, while this waited for the head's lock too, overtakes it. */
const appendSpooled = {
  name: 'append_spooled',
  text: statement({ until: 'NULL', superseded: '$9', seen: '$10' }),
}

const sessionOf = 'SELECT session FROM writers WHERE id = $1'

/**
 * Makes this connection the only one that may append for the writer. Waits for a statement of an earlier one that holds
 * the row, and shuts out one that is still on its way: what comes back is final. It takes over from the session that it has
 * been told of and from no other, so that a registration that nobody waits for any more, and that a lock has held up, does
 * nothing when one that came after it is there.
 */
const registration = `
  SELECT last_write, last_sequence, last_digest, number, ${serverClock} FROM register_writer($1, $2, $3)
  WHERE number IS NOT NULL`

type Appended =
  | [outcome: 'landed', sequence: string, digest: Buffer, serverSeconds: number]
  | [outcome: 'late' | 'fenced', sequence: null, digest: null, serverSeconds: number]

type Registered = [lastWrite: string, lastSequence: string, lastDigest: Buffer, number: number, serverSeconds: number]

/** The numbering of one writer's writes: what makes an append happen exactly once. Outlives connections. */
export interface Writer {
  /** The writer's last writes in the log. */
  readonly committed: Committed
  /** What its entries in the log have as `writer`. */
  readonly writerNumber: number
  /** Takes the writer over for this connection, and so learns what became of a batch that an earlier one had sent. */
  register(connection: Connection): Promise<void>
  /** Told of each answer that has the server's clock in it, so that these do not drift apart. */
  noteClock(serverSeconds: number): void
  /** As `LogSession.append`. */
  append(connection: Connection, writes: readonly Write[], last?: bigint): Promise<LogPoint>
  /** As `LogSession.appendSpooled`. */
  appendSpooled(connection: Connection, writes: readonly SpooledWrite[], seen: bigint): Promise<LogPoint>
  /** As `LogSession.appendConditional`. */
  appendConditional: (
    connection: Connection,
    logId: string,
    ...rest: Parameters<LogSession['appendConditional']>
  ) => ReturnType<LogSession['appendConditional']>
}

/** @param timeoutMs how long the answer to an append may take before its connection counts as lost */
export function makeWriter(id: string, timeoutMs: number): Writer {
  let session = ''
  let writerNumber = 0
  let committed: Committed | undefined
  /** The last write that was ever sent. */
  let sent = 0n
  /** What the server's clock is ahead of this process's, in seconds: at the least, as the answer has taken its time. */
  let serverAhead = 0

  async function register(connection: Connection): Promise<void> {
    session = randomUUID()
    const known = await connection.query<[string]>({ text: sessionOf, values: [id] })
    const [before] = known.rows
    if (!before && committed) {
      throw new Diverged(`the log went back, or is another one: it knows nothing of this node. ${advice}`)
    }
    const values = [id, session, before?.[0] ?? null]
    const { rows } = await connection.query<Registered>({ text: registration, values }).catch((error) => {
      const isTaken = isAnswer(error) && error.code === '23505'
      throw isTaken
        ? new Diverged(brokenLog('it has given this node’s number to another one'), { cause: error })
        : error
    })
    const [row] = rows
    if (!row) throw new Error('somebody else registered as this node at the same time')
    const last = BigInt(row[0])
    if (committed !== undefined && last < committed.number) {
      throw new Diverged(
        `the log went back: it lacks the last writes of this node (numbers ${last + 1n} to ${committed.number}). ${advice}`,
      )
    }
    if (committed !== undefined && last > sent) throw new Diverged(copied)
    committed = { number: last, end: { sequence: BigInt(row[1]), digest: row[2] } }
    sent = last
    writerNumber = row[3]
    noteClock(row[4])
  }

  function noteClock(serverSeconds: number): void {
    serverAhead = serverSeconds - performance.now() / 1000
  }

  /** By the server's clock: this process gives up no sooner. */
  const endOfWait = () => (performance.now() + timeoutMs) / 1000 + serverAhead

  /** @returns the statement's rows, of which there is one at least */
  async function send<Row extends unknown[]>(
    connection: Connection,
    statement: { name: string; text: string },
    last: bigint,
    rest: unknown[],
  ): Promise<[Row, ...Row[]]> {
    const values = [id, session, required().number, last, ...rest]
    sent = last
    try {
      const { rows } = await connection.query<Row>({ ...statement, values }, timeoutMs)
      const [first, ...others] = rows
      if (first) return [first, ...others]
    } catch (error) {
      if (!isAnswer(error)) throw new Undecided(`no answer to the writes up to ${last}`, { cause: error })
      if (isBroken(error)) throw new Unappendable(brokenLog(error.message), { cause: error })
      throw new NotAppended(error.message, takesNoWrites(error), error)
    }
    throw new Unappendable(copied)
  }

  async function land(
    connection: Connection,
    statement: { name: string; text: string },
    last: bigint,
    rest: unknown[],
  ): Promise<LogPoint> {
    const [row] = await send<Appended>(connection, statement, last, rest)
    const [outcome, sequence, digest, serverSeconds] = row
    noteClock(serverSeconds)
    if (outcome === 'landed') return ended(last, sequence, digest)
    if (outcome === 'fenced') throw new Unappendable(copied)
    throw new Undecided(`the writes up to ${last} came too late`, { cause: new Error(tooLate) })
  }

  function ended(last: bigint, sequence: string, digest: Buffer): LogPoint {
    const end = { sequence: BigInt(sequence), digest }
    committed = { number: last, end }
    return end
  }

  function required(): Committed {
    if (committed === undefined) throw new Error('used before it was registered')
    return committed
  }

  return {
    get committed() {
      return required()
    },
    get writerNumber() {
      return writerNumber
    },
    register,
    noteClock,
    append(connection, writes, last = required().number + BigInt(writes.length)) {
      return land(connection, append, last, [...columns(writes), endOfWait()])
    },
    appendSpooled(connection, spooled, seen) {
      const last = spooled.at(-1)?.number ?? 0n
      const superseded = booleanArray(spooled.map((write) => write.superseded))
      return land(connection, appendSpooled, last, [...columns(spooled.map(({ write }) => write)), superseded, seen])
    },
    async appendConditional(connection, logId, decided, seen, last = required().number + BigInt(decided.length)) {
      const rows = await send<VerdictRow>(connection, appendConditional, last, [seen, ...decidedColumns(decided)])
      const [[, , , head, digest]] = rows
      const verdicts = rows.map((row, index) => toVerdict(row, decided[index], logId))
      const hasLanded = verdicts.some(({ outcome }) => outcome === 'landed')
      return { verdicts, end: hasLanded ? ended(last, head, digest) : { sequence: BigInt(head), digest } }
    },
  }
}

const copied = 'another process appends as this node: is its data directory a copy of another one’s?'

/** By the server's clock, as an earlier answer had told it: a lock or the network held the batch up, or that clock was set. */
const tooLate =
  'by its clock a batch came to its turn after the node had given up on it, and was not stored: did that clock jump ahead?'
