import { randomUUID } from 'node:crypto'
import type { Position, Write } from '../entry.ts'
import { byteaArray, smallintArray, textArray } from './arrays.ts'
import type { Connection } from './connection.ts'
import { isAnswer, takesNoWrites } from './failures.ts'
import { Diverged, NotAppended, Undecided } from './log.ts'

const eventType = { delete: 1, put: 2 } as const

/**
 * One statement, one round trip, a batch. `claim` takes the lock on this writer's row and goes on only where the batch
 * is the next one of this connection's session; `head` raises the log's head under its lock, held to commit, so that
 * sequences are gapless and in commit order. No row back means that nothing was written.
 */
const append = {
  name: 'append',
  text: `
    WITH claim AS MATERIALIZED (
      SELECT id FROM writers WHERE id = $1 AND session = $2 AND batch = $3::bigint - 1 FOR UPDATE
    ), head AS (
      UPDATE log_head
      SET sequence = log_head.sequence + $4::bigint,
          recorded_at = greatest(recorded_at, clock_timestamp()),
          digest = substring(sha256(digest || uuid_send(claim.id) || int8send($3::bigint)) FOR 8)
      FROM claim
      RETURNING sequence, recorded_at, digest
    ), written AS (
      UPDATE writers SET batch = $3::bigint, last_sequence = head.sequence, last_digest = head.digest
      FROM head WHERE id = $1
    ), entries AS (
      INSERT INTO transactions (sequence, event_type, key, value, content_type, recorded_at, digest)
      SELECT head.sequence - $4::bigint + place, entry.event_type, entry.key, entry.value, entry.content_type,
             head.recorded_at, head.digest
      FROM head, unnest($5::smallint[], $6::text[], $7::bytea[], $8::text[])
        WITH ORDINALITY AS entry (event_type, key, value, content_type, place)
    )
    SELECT sequence, digest FROM head`,
}

/** Makes this connection the only one that may append for the writer, fencing off what an earlier one still has under way. */
const register = `
  INSERT INTO writers (id, session, batch, last_sequence, last_digest) VALUES ($1, $2, 0, 0, '')
  ON CONFLICT (id) DO UPDATE SET session = $2 RETURNING batch`

const registerAgain = 'UPDATE writers SET session = $2 WHERE id = $1 RETURNING batch'

const lookUp = 'SELECT session, batch, last_sequence, last_digest FROM writers WHERE id = $1'

/** The numbering of one writer's batches: what makes an append happen exactly once. Outlives connections. */
export interface Writer {
  /** Takes the writer over for this connection. Waits for a statement of an earlier one that is still running. */
  register(connection: Connection): Promise<void>
  /**
   * Sends the writes as the next batch. Where a previous try's outcome is unknown they must be the same writes; they
   * get the same number, and land once. Rejects with `NotAppended`, `Undecided` or `Diverged`.
   */
  append(connection: Connection, writes: readonly Write[]): Promise<Position>
}

export function makeWriter(id: string): Writer {
  let session = randomUUID()
  let committed: bigint | undefined
  let undecided: readonly Write[] | undefined

  return {
    async register(connection) {
      session = randomUUID()
      const sql = committed === undefined ? register : registerAgain
      const { rows } = await connection.query<[string]>({ text: sql, values: [id, session] })
      const batch = rows[0] && BigInt(rows[0][0])
      if (committed === undefined) committed = batch
      else requireNotWentBack(batch, committed)
    },

    async append(connection, writes) {
      if (committed === undefined) throw new Error('append before register')
      if (undecided !== undefined && undecided !== writes) throw new Error('append past an undecided batch')
      const batch = committed + 1n
      undecided = writes
      const place = (await send(connection, batch, writes)) ?? (await landedBefore(connection, batch))
      committed = batch
      undecided = undefined
      return { sequence: BigInt(place[0]), digest: place[1] }
    },
  }

  async function send(connection: Connection, batch: bigint, writes: readonly Write[]) {
    try {
      const { rows } = await connection.query<[string, Buffer]>({ ...append, values: parameters(batch, writes) })
      return rows[0]
    } catch (error) {
      if (!isAnswer(error)) throw new Undecided(`no answer to batch ${batch}`, { cause: error })
      undecided = undefined
      throw new NotAppended(error.message, takesNoWrites(error), error)
    }
  }

  function parameters(batch: bigint, writes: readonly Write[]) {
    return [
      id,
      session,
      batch,
      writes.length,
      smallintArray(writes.map((write) => eventType[write.kind])),
      textArray(writes.map((write) => write.key)),
      byteaArray(writes.map((write) => (write.kind === 'put' ? write.value : undefined))),
      textArray(writes.map((write) => (write.kind === 'put' ? write.contentType : undefined))),
    ]
  }

  /**
   * No row back from `append` has several meanings, and only one of them is success: an earlier try had committed.
   * The others are that Postgres lost batches it had acknowledged, or that somebody else appends as this writer.
   */
  async function landedBefore(connection: Connection, batch: bigint): Promise<[string, Buffer]> {
    const { rows } = await connection.query<[string, string, string, Buffer]>({ text: lookUp, values: [id] })
    const [owner, stored, sequence, digest] = rows[0] ?? []
    requireNotWentBack(stored === undefined ? undefined : BigInt(stored), batch - 1n)
    if (owner !== session || stored !== String(batch) || sequence === undefined || digest === undefined) {
      throw new Diverged('another process appends as this node: is its data directory a copy of another one’s?')
    }
    return [sequence, digest]
  }

  function requireNotWentBack(stored: bigint | undefined, expected: bigint): void {
    if (stored !== undefined && stored >= expected) return
    const found = stored === undefined ? 'knows nothing of this node' : `knows this node’s batches up to ${stored}`
    throw new Diverged(`the log went back: it ${found}, but had committed batch ${expected}`)
  }
}
