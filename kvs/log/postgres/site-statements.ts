import type { LastOfOrigin, MemberEntry } from '../index.ts'
import type { Connection } from './connection.ts'

/** What the log has of each other origin, through a sequence here. */
export async function readOrigins(connection: Connection, through: bigint): Promise<LastOfOrigin[]> {
  const { rows } = await connection.query<[string, string, string]>({
    text: 'SELECT origin, reached, stamp FROM origins_through($1)',
    values: [through],
  })
  return rows.map(([logId, sequence, stamp]) => ({ logId, sequence: BigInt(sequence), stamp: Number(stamp) }))
}

/**
 * Finds the last entry that was first written in this log, at a sequence or before; 0n where there is none. Entries of
 * other logs may be many in a row; those that were passed once are not passed again.
 */
export function makeOwnEnd(connection: Connection): (through: bigint) => Promise<bigint> {
  let known = { through: 0n, sequence: 0n }
  return async (through) => {
    const before = through >= known.through ? known : { through: 0n, sequence: 0n }
    const { rows } = await connection.query<[string]>({
      text: `SELECT sequence FROM transactions WHERE sequence > $1 AND sequence <= $2 AND origin IS NULL
        ORDER BY sequence DESC LIMIT 1`,
      values: [before.through, through],
    })
    known = { through, sequence: rows[0] === undefined ? before.sequence : BigInt(rows[0][0]) }
    return known.sequence
  }
}

/** As `SiteLog.readMembers`. */
export async function readMembers(connection: Connection): Promise<ReadonlyMap<string, MemberEntry>> {
  const { rows } = await connection.query<[string, boolean, string, string, string, string]>({
    text: `SELECT DISTINCT ON (key) key, event_type = 3, stamp, coalesce(origin, log_id), transactions.sequence,
        coalesce(origin_sequence, transactions.sequence)
      FROM transactions, log_head WHERE event_type IN (3, 4) AND NOT superseded
      ORDER BY key, transactions.sequence DESC`,
  })
  return new Map(
    rows.map(([address, isMember, stamp, origin, sequence, originSequence]) => [
      address,
      {
        ...{ isMember, stamp: Number(stamp), isExpiry: false, origin },
        ...{ sequence: BigInt(sequence), originSequence: BigInt(originSequence) },
      },
    ]),
  )
}

/** The log's clock at a sequence, as `LogReader.positionThrough` has it. */
export async function highestStamp(connection: Connection, through: bigint): Promise<number> {
  const { rows } = await connection.query<[string]>({
    text: `SELECT coalesce(highest_stamp, stamp_of(stamp, recorded_at)) FROM transactions WHERE sequence <= $1
      ORDER BY sequence DESC LIMIT 1`,
    values: [through],
  })
  return Number(rows[0]?.[0] ?? 0)
}

/** As `LogReader.stampAt`. */
export async function stampOfOwn(connection: Connection, sequence: bigint): Promise<number | undefined> {
  const { rows } = await connection.query<[string]>({
    text: 'SELECT stamp_of(stamp, recorded_at) FROM transactions WHERE sequence = $1 AND origin IS NULL',
    values: [sequence],
  })
  return rows[0] && Number(rows[0][0])
}
