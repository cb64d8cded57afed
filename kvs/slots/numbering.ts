import { readdir } from 'node:fs/promises'
import { join } from 'node:path'

/** Where a slot is. The first is the directory itself, so that what a node alone had kept there is found. */
export function slotPath(directory: string, slot: number): string {
  return slot === 1 ? directory : join(directory, 'slots', String(slot))
}

/** The slots that there are, in their order; always the first, which need not have been made. Rejects where nobody can tell. */
export async function findSlots(directory: string): Promise<number[]> {
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
