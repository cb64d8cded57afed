import { forPurpose, type PostgresTarget } from '../../config/index.ts'
import { Refused, Unavailable } from '../index.ts'
import { swapsSessions } from './answers.ts'
import { type Connection, connect } from './connection.ts'

/** How often both connections are asked who serves them. */
const rounds = 8

/** In session mode all of a small pool's processes may be taken; then this is all that can be waited for one. */
const patienceMs = 2_000

/**
 * The number of the server's process that serves this connection. A pooler tells a number of its own making at connecting, and
 * one in transaction or statement mode has a connection served by whichever process is free, so that what was set for a
 * session is lost, and found by somebody else. In session mode a process serves one connection as long as that lasts.
 * Rejects with `Refused` where a process has served two connections, or a connection was served by two processes. A pooler
 * takes the process that was used last, or the one that was free longest, and either shows: the first to another connection
 * that asks next, the second to one that asks twice. What does not show now, in the crowd, `askHead` is to find later.
 */
export async function requireOwnSession(
  connection: Connection,
  target: PostgresTarget,
  timeoutMs: number,
): Promise<number> {
  const own = await processOf(connection)
  if (own === connection.toldProcessId) return own
  const boundMs = Math.min(timeoutMs, patienceMs)
  const other = await connect(forPurpose(target, 'pooler check'), boundMs).catch(() => undefined)
  try {
    for (let round = 0; round < rounds; round++) {
      const others = other && (await processOf(other, boundMs).catch(() => undefined))
      if (others === own) throw new Unavailable(swapsSessions)
      await requireProcess(connection, own)
      await requireProcess(connection, own)
      if (others === undefined) break
    }
  } catch (error) {
    throw error instanceof Unavailable ? new Refused(swapsSessions) : error
  } finally {
    await other?.close()
  }
  return own
}

/** Rejects with `Unavailable` where another process than this serves the connection now. */
async function requireProcess(connection: Connection, expected: number): Promise<void> {
  if ((await processOf(connection)) !== expected) throw new Unavailable(swapsSessions)
}

async function processOf(connection: Connection, timeoutMs?: number): Promise<number> {
  const { rows } = await connection.query<[number]>({ text: 'SELECT pg_backend_pid()' }, timeoutMs)
  const [row] = rows
  if (!row) throw new Error('the server does not tell its process')
  return row[0]
}
