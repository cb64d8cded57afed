import { earlierIn } from '../../core/earlier-version.ts'
import type { Entry } from '../../core/entry.ts'
import { decodeWrite, kindOfCode, type Write } from '../../core/operation/operation.ts'
import { parsePosition } from '../../core/position.ts'
import { stampAt } from '../../core/rank.ts'
import { makePageSize, pageLimits, UnknownEntry, wholeMilliseconds } from '../index.ts'
import type { Connection } from './connection.ts'
import { isRolledBack } from './postgres-errors.ts'
import { deadlineOf, secondsOf } from './timestamps.ts'

/**
 * A page ends where its values would grow past the bound, but never before its first entry. The sizes come from the
 * rows' headers: Postgres does not read values that are left out.
 */
const readPage = {
  name: 'read',
  text: `
    SELECT sequence, event_type, key, value, content_type, ${secondsOf('deadline')}, ${secondsOf('recorded_at')}, digest,
           superseded, coalesce(writer = $2, false), stamp, origin, origin_sequence, dependency,
           earlier_version
    FROM (
      SELECT *, sum(size) OVER (ORDER BY sequence) - size AS bytes_before
      FROM (
        SELECT *, coalesce(octet_length(value), 0) AS size
        FROM transactions WHERE sequence > $1 AND sequence <= $4 ORDER BY sequence LIMIT ${pageLimits.entries}
      ) AS next
    ) AS sized
    WHERE bytes_before < $3
    ORDER BY sequence`,
}

/** The largest bigint in Postgres, to read through the log's end. */
export const lastSequence = 2n ** 63n - 1n

type Row = [
  sequence: string,
  eventType: number,
  key: string,
  value: Buffer | null,
  contentType: string | null,
  deadlineSeconds: number | null,
  recordedSeconds: number,
  digest: Buffer,
  superseded: boolean,
  isOwn: boolean,
  stamp: string | null,
  origin: string | null,
  originSequence: string | null,
  dependency: string | null,
  earlier: string | null,
]

/**
 * The entries after one sequence, through another, in order, as one page; empty where there are none.
 * @param own number of the writer whose entries are this node's own
 */
export type ReadPage = (connection: Connection, after: bigint, through: bigint, own: number) => Promise<Entry[]>

/** The size of its pages outlives connections. */
export function makePageReader(): ReadPage {
  const size = makePageSize()
  return async (connection, after, through, own) => {
    try {
      const { rows } = await connection.query<Row>({ ...readPage, values: [after, own, size.bytes, through] })
      size.grow()
      return rows.map(toEntry)
    } catch (error) {
      if (!isRolledBack(error)) size.shrink()
      throw error
    }
  }
}

function toEntry(row: Row): Entry {
  const [sequence, , , , , , recordedSeconds, digest, superseded, isOwn, stamp, origin, originSequence, , earlier] = row
  const recordedAt = wholeMilliseconds(recordedSeconds)
  return {
    sequence: BigInt(sequence),
    digest,
    superseded,
    isOwn,
    recordedAt,
    stamp: stamp === null ? stampAt(recordedAt) : Number(stamp),
    origin: origin === null ? undefined : { logId: origin, sequence: BigInt(originSequence ?? 0) },
    earlier: earlier === null ? undefined : earlierIn(earlier),
    write: toWrite(row),
  }
}

/** An entry of an unknown kind stops the node: a view that skips it would be one that no log has. */
function toWrite([sequence, eventType, key, value, type, deadlineSeconds, , , , , , , , dependency]: Row): Write {
  const kind = kindOfCode(eventType, value !== null)
  const after = dependency === null ? undefined : parsePosition(dependency)
  const write = decodeWrite(kind, key, value ?? undefined, type ?? undefined, deadlineOf(deadlineSeconds), after)
  if (write === undefined) throw new UnknownEntry(sequence, eventType)
  return write
}
