import { forPurpose, type PostgresTarget } from '../../config/index.ts'
import { Refused, Unavailable } from '../index.ts'
import { type Connection, connect } from './connection.ts'
import { transactionPooling } from './postgres-errors.ts'

/** How often both connections are asked which process serves them. */
const rounds = 8

/** How long the second connection may take. In session mode all processes of a small pool may be taken. */
const patienceMs = 2_000

/**
 * The number of the server's process that serves this connection. Rejects with `Refused` behind a pooler in transaction
 * or statement mode. Such a pooler lets any free process serve a connection, so that a session's settings are lost, and
 * found by somebody else; in session mode one process serves a connection as long as it lasts.
 *
 * A pooler announces a process number of its own making at connecting. Where that differs from the true one, a second
 * connection is opened, and a process that serves both, or a connection that two processes serve, is the proof: a
 * pooler takes the process that was used last, which the other connection sees next, or the one that was free longest,
 * which a connection sees that asks twice. Where a busy pooler escapes this, `askHead` finds it later.
 */
export async function requireOwnSession(
  connection: Connection,
  target: PostgresTarget,
  timeoutMs: number,
): Promise<number> {
  const own = await processOf(connection)
  if (own === connection.announcedProcessId) return own
  const boundMs = Math.min(timeoutMs, patienceMs)
  const other = await connect(forPurpose(target, 'pooler check'), boundMs).catch(() => undefined)
  try {
    for (let round = 0; round < rounds; round++) {
      const others = other && (await processOf(other, boundMs).catch(() => undefined))
      if (others === own) throw new Unavailable(transactionPooling)
      await requireProcess(connection, own)
      await requireProcess(connection, own)
      if (others === undefined) break
    }
  } catch (error) {
    throw error instanceof Unavailable ? new Refused(transactionPooling) : error
  } finally {
    await other?.close()
  }
  return own
}

/** Rejects with `Unavailable` where another process serves the connection now. */
async function requireProcess(connection: Connection, expected: number): Promise<void> {
  if ((await processOf(connection)) !== expected) throw new Unavailable(transactionPooling)
}

async function processOf(connection: Connection, timeoutMs?: number): Promise<number> {
  const { rows } = await connection.query<[number]>({ text: 'SELECT pg_backend_pid()' }, timeoutMs)
  const [row] = rows
  if (!row) throw new Error('the server does not tell its process')
  return row[0]
}
