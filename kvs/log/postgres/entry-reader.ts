import type { EntryReader } from '../index.ts'
import { askHead } from './log-end.ts'
import { lastSequence, type ReadPage } from './page-reader.ts'
import { explainLoss, withExplanation } from './session-failures.ts'
import type { SideConnection } from './side-connection.ts'

/**
 * Reads the log for others than its own nodes.
 * @param timeoutMs how long the answer to one statement may take before the connection counts as lost
 */
export function makeEntryReader(side: SideConnection, readPage: ReadPage, timeoutMs: number): EntryReader {
  const { connection, where, processId, logId } = side
  return {
    logId,
    lost: explainLoss(connection, where),
    askHead: () =>
      withExplanation(
        askHead(connection, timeoutMs / 2, processId, () => undefined),
        where,
      ),
    read: (after, through = lastSequence) => withExplanation(readPage(connection, after, through, noWriter), where),
    close: () => connection.close(),
  }
}

/** Writers count from 1, so no entry is this one's. */
const noWriter = 0
