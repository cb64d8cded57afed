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
 * sequences are gapless and in commit order. No row back means that nothing was written, since somebody else has
 * registered as this writer.
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

/**
 * Makes this connection the only one that may append for the writer. Waits for a statement of an earlier one that holds
 * the row, and shuts out one that is still on its way: what comes back is final.
 */
const register = `
  INSERT INTO writers (id, session, batch, last_sequence, last_digest) VALUES ($1, $2, 0, 0, '')
  ON CONFLICT (id) DO UPDATE SET session = $2 RETURNING batch, last_sequence, last_digest`

const registerAgain = 'UPDATE writers SET session = $2 WHERE id = $1 RETURNING batch, last_sequence, last_digest'

type Registered = [batch: string, lastSequence: string, lastDigest: Buffer]

/** The numbering of one writer's batches: what makes an append happen exactly once. Outlives connections. */
export interface Writer {
  /** Takes the writer over for this connection, and so learns what became of a batch that an earlier one had sent. */
  register(connection: Connection): Promise<void>
  /**
   * Commits the writes as the next batch. Where an earlier try's outcome was unknown they must be the same writes; they
   * land once. Rejects with `NotAppended`, `Undecided` or `Diverged`.
   */
  append(connection: Connection, writes: readonly Write[]): Promise<Position>
}

export function makeWriter(id: string): Writer {
  let session = ''
  let committed: bigint | undefined
  /** Sent without an answer; where it landed after all, once that is known. */
  let undecided: { readonly writes: readonly Write[]; landed?: Position } | undefined

  return {
    async register(connection) {
      session = randomUUID()
      const text = committed === undefined ? register : registerAgain
      const { rows } = await connection.query<Registered>({ text, values: [id, session] })
      const [stored, lastSequence, lastDigest] = rows[0] ?? []
      if (stored === undefined || lastSequence === undefined || lastDigest === undefined) {
        throw new Diverged(`the log went back: it knows nothing of this node, but had committed batch ${committed}`)
      }
      const batch = BigInt(stored)
      committed ??= batch
      if (batch < committed) {
        throw new Diverged(
          `the log went back: it knows this node’s batches up to ${batch}, but had committed ${committed}`,
        )
      }
      if (batch === committed) return
      if (undecided === undefined || batch !== committed + 1n) throw new Diverged(copied)
      undecided.landed = { sequence: BigInt(lastSequence), digest: lastDigest }
    },

    async append(connection, writes) {
      if (committed === undefined) throw new Error('append before register')
      if (undecided && undecided.writes !== writes) throw new Error('append past an undecided batch')
      const batch = committed + 1n
      const place = undecided?.landed ?? (await send(connection, batch, writes))
      committed = batch
      undecided = undefined
      return place
    },
  }

  async function send(connection: Connection, batch: bigint, writes: readonly Write[]): Promise<Position> {
    undecided = { writes }
    try {
      const { rows } = await connection.query<[string, Buffer]>({ ...append, values: parameters(batch, writes) })
      if (rows[0]) return { sequence: BigInt(rows[0][0]), digest: rows[0][1] }
    } catch (error) {
      if (!isAnswer(error)) throw new Undecided(`no answer to batch ${batch}`, { cause: error })
      undecided = undefined
      throw new NotAppended(error.message, takesNoWrites(error), error)
    }
    throw new Diverged(copied)
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
}

const copied = 'another process appends as this node: is its data directory a copy of another one’s?'
