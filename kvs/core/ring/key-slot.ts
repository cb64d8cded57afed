import { hash } from 'node:crypto'

/** How many slots the ring has. Each key is in one of them, from 0 on, for ever. */
export const slotCount = 10_000

/**
 * What the keys of the dialect with `/route` begin with in the store. Such a key has the slot of what follows, which is
 * the key that the dialect's clients know.
 */
export const routedPrefix = 'route/'

/** Slot of a key: the MD5 of its UTF-8 bytes as an integer, modulo `slotCount`. As `slot_of` in the log's SQL. */
export function slotOf(key: string): number {
  // Most requests for a key ask twice: which node is to answer, and whether that is still right once it has its turn.
  if (key !== lastKey) {
    lastKey = key
    lastSlot = computeSlot(key.startsWith(routedPrefix) ? key.slice(routedPrefix.length) : key)
  }
  return lastSlot
}

let lastKey = ''
let lastSlot = computeSlot('')

function computeSlot(key: string): number {
  // A text with a character for each byte takes a third of the time that a buffer takes.
  const digest = hash('md5', key, 'binary')
  let slot = 0
  for (let at = 0; at < digest.length; at++) slot = (slot * 256 + digest.charCodeAt(at)) % slotCount
  return slot
}
