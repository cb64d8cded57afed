import { slotOf } from '../../core/ring/key-slot.ts'
import { hasSlot, type SlotRanges } from '../../core/ring/slot-ranges.ts'
import type { Batch, Landing } from '../index.ts'
import { beginAppend, insert } from './appending.ts'
import type { Tables } from './tables.ts'

/** As `WriterStatements.appendRing`. */
export function appendRing(
  tables: Tables,
  serverSeconds: number,
  batch: Batch,
  text: string,
  seen: bigint,
  vacated: SlotRanges,
): Landing<'overtaken' | 'fenced'> {
  const turn = beginAppend(tables, serverSeconds, batch, { mayBeUnseen: true })
  if (turn === undefined) return { outcome: 'fenced', serverSeconds }
  const givesValue = tables.entries
    .slice(Number(seen))
    .some(({ value, superseded, key }) => value !== undefined && !superseded && hasSlot(vacated, slotOf(key)))
  if (tables.ringSequence > seen || givesValue) return { outcome: 'overtaken', serverSeconds }
  const end = insert(tables, turn, batch, [{ kind: 'ring', key: text }])
  tables.ringSequence = end.sequence
  return { outcome: 'landed', end, serverSeconds }
}

/** As `WriterStatements.seeRing`. */
export function seeRing({ writers }: Tables, writerId: string, session: string, through: bigint): void {
  const row = writers.get(writerId)
  if (row?.session === session && row.ringSeen < through) writers.set(writerId, { ...row, ringSeen: through })
}
