import { randomUUID } from 'node:crypto'
import type { Position, SpooledWrite, Write } from '../entry.ts'
import { appendConditional, decidedColumns, toVerdict, type VerdictRow } from './append-conditional.ts'
import { booleanArray } from './arrays.ts'
import { serverClock } from './clock.ts'
import { columns } from './columns.ts'
import type { Connection } from './connection.ts'
import { isAnswer, takesNoWrites } from './failures.ts'
import { advice, type Committed, Diverged, type LogSession, NotAppended, Undecided } from './log.ts'

/**
 * One statement, one round trip, a batch. `claim` takes the lock on this writer's row, and goes on only where this
 * connection's session is still the writer's; `head` raises the log's head under its lock, held to commit, so that
 * sequences are gapless and in commit order. No row back means that nothing was written, since somebody else has
 * registered as this writer; one without a sequence, that it came too late. The digest covers the session, which is
 * random, so that no two pasts have the same.
 */
const statement = (superseded: string, inTime: string, more: { arrays: string; columns: string }) => `
  WITH claim AS MATERIALIZED (
    SELECT id, number FROM writers WHERE id = $1 AND session = $2 AND last_write < $3::bigint FOR UPDATE
  ), head AS (
    UPDATE log_head
    SET sequence = log_head.sequence + $4::bigint,
        recorded_at = greatest(recorded_at, clock_timestamp()),
        digest = substring(sha256(digest || uuid_send($2::uuid) || int8send($3::bigint)) FOR 8)
    FROM claim WHERE ${inTime}
    RETURNING sequence, recorded_at, digest
  ), written AS (
    UPDATE writers SET last_write = $3::bigint, last_sequence = head.sequence, last_digest = head.digest
    FROM head WHERE id = $1
  ), entries AS (
    INSERT INTO transactions (sequence, event_type, key, value, content_type, recorded_at, digest, superseded, writer)
    SELECT head.sequence - $4::bigint + place, entry.event_type, entry.key, entry.value, entry.content_type,
           head.recorded_at, head.digest, ${superseded}, claim.number
    FROM claim, head, unnest($5::smallint[], $6::text[], $7::bytea[], $8::text[]${more.arrays})
      WITH ORDINALITY AS entry (event_type, key, value, content_type${more.columns}, place)
  )
  SELECT sequence, digest, ${serverClock}, pg_notify('kvs_log', '') FROM claim LEFT JOIN head ON true`

/**
 * Not past the time at which its answer is given up on: the network may deliver it later, when the node has spooled and
 * acknowledged the batch, and others have committed what it must not overwrite.
 */
const append = {
  name: 'append',
  text: statement('false', 'clock_timestamp() < to_timestamp($9::double precision)', { arrays: '', columns: '' }),
}

/** What others have committed after `seen`, $10, while this waited for the head's lock, overtakes it. */
const appendSpooled = {
  name: 'append_spooled',
  text: statement('entry.superseded OR is_overtaken(entry.key, $10::bigint, head.sequence - $4::bigint)', 'true', {
    arrays: ', $9::boolean[]',
    columns: ', superseded',
  }),
}

const sessionOf = 'SELECT session FROM writers WHERE id = $1'

const numbering = `last_write, last_sequence, last_digest, number, ${serverClock}`

const firstSession = `
  INSERT INTO writers (id, session, last_write, last_sequence, last_digest) VALUES ($1, $2, 0, 0, '')
  ON CONFLICT (id) DO NOTHING RETURNING ${numbering}`

/**
 * Makes this connection the only one that may append for the writer. Waits for a statement of an earlier one that holds
 * the row, and shuts out one that is still on its way: what comes back is final. It takes over from the session that it has
 * been told of and from no other, so that a registration that nobody waits for any more, and that a lock has held up, does
 * nothing when one that came after it is there.
 */
const takeOver = `UPDATE writers SET session = $2 WHERE id = $1 AND session = $3 RETURNING ${numbering}`

type Appended = [sequence: string | null, digest: Buffer, serverSeconds: number]

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
  append(connection: Connection, writes: readonly Write[], last?: bigint): Promise<Position>
  /** As `LogSession.appendSpooled`. */
  appendSpooled(connection: Connection, writes: readonly SpooledWrite[], seen: bigint): Promise<Position>
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
    const { rows } = await connection.query<Registered>(
      before ? { text: takeOver, values: [id, session, before[0]] } : { text: firstSession, values: [id, session] },
    )
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
    values: unknown[],
  ): Promise<[Row, ...Row[]]> {
    sent = last
    try {
      const { rows } = await connection.query<Row>({ ...statement, values: [id, session, last, ...values] }, timeoutMs)
      const [first, ...rest] = rows
      if (first) return [first, ...rest]
    } catch (error) {
      if (!isAnswer(error)) throw new Undecided(`no answer to the writes up to ${last}`, { cause: error })
      throw new NotAppended(error.message, takesNoWrites(error), error)
    }
    throw new Diverged(copied)
  }

  function appended(last: bigint, [sequence, digest, serverSeconds]: Appended): Position {
    noteClock(serverSeconds)
    if (sequence !== null) return ended(last, sequence, digest)
    throw new Undecided(`the writes up to ${last} came too late`, { cause: new Error('Query read timeout') })
  }

  function ended(last: bigint, sequence: string, digest: Buffer): Position {
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
    async append(connection, writes, last = required().number + BigInt(writes.length)) {
      const values = [writes.length, ...columns(writes), endOfWait()]
      const [row] = await send<Appended>(connection, append, last, values)
      return appended(last, row)
    },
    async appendSpooled(connection, spooled, seen) {
      const last = spooled.at(-1)?.number ?? 0n
      const superseded = booleanArray(spooled.map((write) => write.superseded))
      const values = [spooled.length, ...columns(spooled.map(({ write }) => write)), superseded, seen]
      const [row] = await send<Appended>(connection, appendSpooled, last, values)
      return appended(last, row)
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
