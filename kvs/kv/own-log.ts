import { KvsError } from '../core/errors.ts'
import { logsIn, type Position } from '../core/position.ts'

/**
 * @param logId the node's own log; undefined where it is not known yet, and every position is taken
 * @param seen what the node has of each log
 * @throws KvsError bad_position where the position names a log of which the node has nothing
 */
export function requireKnownLogs(position: Position, logId: string | undefined, seen: Position): void {
  if (logId === undefined) return
  for (const other of logsIn(position)) {
    if (other === logId || seen.sequences.has(other)) continue
    throw new KvsError('bad_position', `KVS-Min-Position names the log ${other}; this node’s log is ${logId}`)
  }
}
