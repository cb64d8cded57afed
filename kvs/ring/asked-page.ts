import { KvsError } from '../core/errors.ts'
import { covers } from '../core/position.ts'
import { slotOf } from '../core/ring/key-slot.ts'
import { hasSlot } from '../core/ring/slot-ranges.ts'
import { type AskedChanges, type AskedKeys, BadMovedPage, type MovedPage, parseMovedPage } from '../kv/index.ts'

/**
 * Reads a page of keys: those that were asked for, each with a value, in byte order and once. Who takes them deletes
 * what is between them.
 * @param name of the member, for an error
 * @throws KvsError cannot_forward
 */
export function keysIn(name: string, asked: AskedKeys, answer: Buffer): MovedPage {
  return reading(name, () => {
    const page = parseMovedPage(answer)
    requireSlots(page, asked)
    let before = asked.after
    for (const { write } of page.items) {
      if (write.kind !== 'put') throw new BadMovedPage('has a key without a value')
      if (before !== undefined && compareKeys(before, write.key) >= 0) throw new BadMovedPage('has keys out of order')
      before = write.key
    }
    requireLast(page, before)
    return page
  })
}

/**
 * Reads a page of changes: of the keys that were asked for, and up to no earlier position than what was asked after.
 * @throws KvsError cannot_forward
 */
export function changesIn(name: string, asked: AskedChanges, answer: Buffer): MovedPage {
  return reading(name, () => {
    const page = parseMovedPage(answer)
    requireSlots(page, asked)
    if (!covers(page.position, asked.after)) throw new BadMovedPage('comes up to less than it was asked after')
    return page
  })
}

function reading(name: string, read: () => MovedPage): MovedPage {
  try {
    return read()
  } catch (error) {
    if (!(error instanceof BadMovedPage)) throw error
    throw new KvsError('cannot_forward', `${name} answers with a page that can’t be taken: it ${error.message}`)
  }
}

function requireSlots({ items }: MovedPage, { slots }: AskedKeys | AskedChanges): void {
  if (!items.every(({ write }) => hasSlot(slots, slotOf(write.key))))
    throw new BadMovedPage('has a key of a slot that was not asked for')
}

/**
 * A page ends with its last key or behind it, and further on than the one before: it would be asked for for ever.
 * @param shown the last key of the page, or else the one that it was asked after
 */
function requireLast({ last, items }: MovedPage, shown: string | undefined): void {
  const distance = last === undefined || shown === undefined ? 1 : compareKeys(last, shown)
  if (distance < 0 || (distance === 0 && items.length === 0))
    throw new BadMovedPage('ends before its keys do, or where it begins')
}

const compareKeys = (one: string, other: string) => Buffer.compare(Buffer.from(one), Buffer.from(other))
