import type { MovedWrite } from '../../core/entry.ts'
import type { Batch, Landing } from '../index.ts'
import { beginAppend, insert } from './appending.ts'
import type { Tables } from './tables.ts'

/** As `WriterStatements.appendMoved`. */
export function appendMoved(
  tables: Tables,
  serverSeconds: number,
  batch: Batch,
  moved: readonly MovedWrite[],
  ringEntry: bigint,
): Landing<'overtaken' | 'fenced'> {
  const turn = beginAppend(tables, serverSeconds, batch, { mayBeUnseen: true })
  if (turn === undefined) return { outcome: 'fenced', serverSeconds }
  if (tables.ringSequence !== ringEntry) return { outcome: 'overtaken', serverSeconds }
  const writes = moved.map(({ write }) => write)
  const end = insert(tables, turn, batch, writes, { earlier: moved.map(({ earlier }) => earlier) })
  return { outcome: 'landed', end, serverSeconds }
}
