import { readdir } from 'node:fs/promises'
import { join } from 'node:path'

/** Path of a slot. Slot 1 is the directory itself, where earlier releases kept the data of the only node. */
export function slotPath(directory: string, slot: number): string {
  return slot === 1 ? directory : join(directory, 'slots', String(slot))
}

/**
 * Numbers of the existing slots in ascending order; slot 1 is listed even when it does not exist. Rejects when the disk
 * can't tell.
 */
export async function listSlots(directory: string): Promise<number[]> {
  const names = await readdir(join(directory, 'slots')).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT' || error.code === 'ENOTDIR') return []
    throw new Error(
      `the slots in ${directory} can’t be told (${error.message}); they may hold writes that are nowhere else`,
      { cause: error },
    )
  })
  const slots = names.filter((name) => /^[1-9]\d*$/.test(name) && name !== '1').map(Number)
  return [1, ...slots.toSorted((a, b) => a - b)]
}
