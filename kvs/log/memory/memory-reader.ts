import type { EntryReader } from '../index.ts'
import type { MemoryConnection } from './memory-connection.ts'
import { explained, explainLoss } from './memory-failures.ts'
import { askHead, type PageLimits, readPage } from './reading.ts'

/** Reads the log for others than its own nodes, as the reader of one in Postgres. */
export function makeEntryReader(
  connection: MemoryConnection,
  logId: string,
  timeoutMs: number,
  limits: PageLimits,
): EntryReader {
  return {
    logId,
    lost: explainLoss(connection),
    askHead: () => explained(askHead(connection, timeoutMs / 2).then(([end]) => end)),
    read: (after, through) => explained(readPage(connection, after, through, noWriter, limits)),
    close: async () => connection.close(),
  }
}

/** Writers count from 1, so no entry is this one's. */
const noWriter = 0
