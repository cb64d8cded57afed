import type { SlotStorage } from '../../kvs/slots/index.ts'
import type { Disk } from './disk.ts'
import type { Lane } from './scheduler.ts'

/**
 * The slots that a process sees in its data directory: its own is the first, and after it come those of nodes that are
 * gone for ever.
 * @param orphans may grow
 */
export function makeSlots(own: Disk, orphans: readonly Disk[], process: Lane): SlotStorage {
  const disks = () => [own, ...orphans.filter((disk) => disk !== own)]

  function diskOf(slot: number): Disk {
    const disk = disks()[slot - 1]
    if (disk === undefined) throw new Error(`there is no slot ${slot}`)
    return disk
  }

  const lock = async (slot: number) => diskOf(slot).lock(process)
  return {
    path: (slot) => `slot ${slot}`,
    list: async () => disks().map((_, index) => index + 1),
    lock,
    lockExisting: lock,
    mayHoldWrites: (slot) => diskOf(slot).writes > 0,
    fingerprint: async (slot) => diskOf(slot).fingerprint,
    lastLog: () => undefined,
    saveLastLog: () => undefined,
  }
}
