import { KvsError } from '../core/errors.ts'
import { logsIn, type Position, sequenceIn } from '../core/position.ts'

/**
 * The sequence that a position has in a node's own log. Where the log is not known yet, every position is taken: 0n.
 * @throws KvsError bad_position where the position names another log
 */
export function sequenceInOwnLog(position: Position, logId: string | undefined): bigint {
  if (logId === undefined) return 0n
  for (const other of logsIn(position)) {
    if (other === logId) continue
    throw new KvsError('bad_position', `KVS-Min-Position names the log ${other}; this node’s log is ${logId}`)
  }
  return sequenceIn(position, logId)
}
