import { onTestFinished } from 'vitest'
import type { Write } from '../../../kvs/core/entry.ts'
import type { LogSession } from '../../../kvs/log/log.ts'
import { makeSlotFiles, makeTakeover, type TakeoverOptions } from '../../../kvs/slots/index.ts'
import { slotPath } from '../../../kvs/slots/slot-paths.ts'
import type { LogPosition } from '../../../kvs/spool/index.ts'
import { type Database, makeDatabase, makeLog } from '../../support/database.ts'
import { makeDirectory } from '../../support/node.ts'
import { leaveSlot } from '../../support/slots.ts'
import { until } from '../../support/until.ts'

export async function makeShared() {
  const database = await makeDatabase()
  const directory = makeDirectory()
  const session = await makeLog(database).open()
  onTestFinished(() => session.close())
  const { logId } = session.head
  const path = (slot: number) => slotPath(directory, slot)
  const leave = (slot: number, writes: readonly Write[], at: LogPosition, first = 1n) =>
    leaveSlot(path(slot), writes, at, first)
  return { database, directory, session, logId, path, leave }
}

export type Shared = Awaited<ReturnType<typeof makeShared>>

/** How far a node had come that had applied all that the session has appended. */
export const positionOf = ({ head, committed }: LogSession): LogPosition => ({ logId: head.logId, ...committed.end })

export function run({ database, directory, logId }: Shared, options: Partial<TakeoverOptions> = {}) {
  const lines: string[] = []
  const tell = (message: string) => void lines.push(message)
  const stopping = new AbortController()
  const ended = makeTakeover({
    slots: makeSlotFiles(directory),
    ownSlot: 1,
    logOf: (writerId) => makeLog(database, { writerId }),
    isServing: () => true,
    logger: { info: tell, warn: tell },
    intervalMs: 20,
    ...options,
  }).run(logId, stopping.signal)
  const stop = () => {
    stopping.abort()
    return ended
  }
  onTestFinished(stop)
  return { lines, stop }
}

export const says = (lines: readonly string[], pattern: RegExp) =>
  until(`it says ${pattern}`, () => lines.some((line) => pattern.test(line)))

export const logOf = async (database: Database) =>
  (
    await database.sql<{ key: string; value: string | null; superseded: boolean }>(
      `SELECT key, convert_from(value, 'UTF8') AS value, superseded FROM transactions ORDER BY sequence`,
    )
  ).map(({ key, value, superseded }) => [key, value, superseded])
