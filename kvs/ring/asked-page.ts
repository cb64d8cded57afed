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
    let before = asked.after === undefined ? undefined : Buffer.from(asked.after)
    for (const { write } of page.items) {
      if (write.kind !== 'put') throw new BadMovedPage('has a key without a value')
      const key = Buffer.from(write.key)
      if (before !== undefined && key.compare(before) <= 0) throw new BadMovedPage('has keys out of order')
      before = key
    }
    // Without keys it may end where it begins: they are still looked for, and it is to be asked for again.
    if (page.last !== undefined && before !== undefined && Buffer.from(page.last).compare(before) < 0)
      throw new BadMovedPage('ends before its keys do')
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
