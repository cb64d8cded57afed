import { join } from 'node:path'
import type { Write } from '../../kvs/core/entry.ts'
import { systemRandom } from '../../kvs/lib/random.ts'
import { lockSlot } from '../../kvs/slots/slot-lock.ts'
import { type LogPosition, makeSqliteStorage, openSpool } from '../../kvs/spool/index.ts'

/**
 * Leaves a slot as a node does that has spooled these writes and is gone.
 * @param seen how far it had applied which log
 * @param first the number of the first write, after all that the slot's node has ever written
 * @returns its identity as a writer
 */
export async function leaveSlot(
  path: string,
  writes: readonly Write[],
  seen: LogPosition,
  first = 1n,
): Promise<string> {
  const lock = lockSlot(path, systemRandom)
  const spool = await openSpool({ storage: lock.spoolStorage, maxBytes: 1e9 })
  if (writes.length > 0) await spool.add(first, writes, seen)
  await spool.close()
  lock.release()
  return lock.writerId
}

/** How many writes are in the spool of a slot that nobody holds. */
export async function countSpooled(path: string): Promise<number> {
  const spool = await openSpool({ storage: makeSqliteStorage(join(path, 'spool.db')), maxBytes: 1e9 })
  await spool.close()
  return spool.writes
}
