/** Largest size of all slabs: 2^32 addresses of 8 bytes. */
export const maxViewBytes = 32 * 1024 ** 3

/** The keys and small values of the log take more than `maxViewBytes`. */
export class ViewFull extends Error {
  override readonly name = 'ViewFull'
}

/** Bytes between one address and the next. */
const unit = 8
/** Share of the used space that may be free between records before they are moved to reclaim it. */
const toleratedWaste = 0.2
/** Number of emptied slabs that keep their memory for the next allocations. */
const maxSpareSlabs = 4

/**
 * Allocates memory from large buffers outside of V8's heap, so that the garbage collector does not scan it. Space is
 * allocated at the end of the open slab. It becomes available again a slab at a time, when nothing in the slab is in
 * use.
 */
export interface Slabs {
  /**
   * Buffer of the slab that an address is in. An address counts units of 8 bytes over all slabs. No allocation has the
   * address 0.
   */
  buffer(address: number): Buffer
  /** Offset of the address in that buffer, in bytes. */
  offset(address: number): number
  /** Bytes between one address and the next. */
  readonly unit: number
  /** Rounds a size up to whole units. */
  roundUp(bytes: number): number
  /**
   * Allocates whole units. Returns the address.
   * @throws ViewFull
   */
  allocate(bytes: number): number
  /** Frees an allocation of this size. */
  release(address: number, bytes: number): void
  /** The slab with the most free space between its allocations; undefined while the waste of all slabs is tolerable. */
  mostWasteful(): Slab | undefined
  /** Size of all allocations. */
  readonly liveBytes: number
  /** Size of all buffers. */
  readonly bytes: number
}

export interface Slab {
  /** First address. */
  readonly start: number
  /** Address after the last allocation. */
  readonly end: number
  /** Whether the slab was emptied since. It may have been reused: its addresses then belong to other allocations. */
  isGone(): boolean
}

/** @param slabBytes size of a slab, a power of two; it bounds an allocation */
export function makeSlabs(slabBytes = 1024 * 1024, maxBytes = maxViewBytes): Slabs {
  const shift = Math.log2(slabBytes / unit)
  const mask = 2 ** shift - 1
  const pool = makeBufferPool(slabBytes, maxBytes)
  const { buffers } = pool
  /** Bytes in use in each slab. */
  const live: number[] = []
  /** Bytes of each slab up to its last allocation. */
  const used: number[] = []
  /** Number of times that each slab was opened. */
  const openings: number[] = []
  /** Number of the slab that allocations come from; -1 before the first one. */
  let open = -1
  let liveBytes = 0
  let usedBytes = 0

  function openNext(): void {
    const next = pool.take()
    live[next] = 0
    used[next] = next === 0 ? unit : 0 // keeps the address 0 free
    openings[next] = (openings[next] ?? 0) + 1
    usedBytes += used[next] as number
    open = next
  }

  function close(slab: number): void {
    usedBytes -= used[slab] as number
    used[slab] = 0
    pool.giveBack(slab)
  }

  return {
    unit,
    buffer: (address) => buffers[address >>> shift] as Buffer,
    offset: (address) => (address & mask) * unit,
    roundUp: (bytes) => (bytes + unit - 1) & -unit,

    allocate(bytes) {
      if (open < 0 || (used[open] as number) + bytes > slabBytes) {
        const full = open
        openNext()
        if (full >= 0 && live[full] === 0) close(full)
      }
      const at = used[open] as number
      used[open] = at + bytes
      live[open] = (live[open] as number) + bytes
      usedBytes += bytes
      liveBytes += bytes
      return open * (mask + 1) + at / unit
    },

    release(address, bytes) {
      const slab = address >>> shift
      const left = (live[slab] as number) - bytes
      live[slab] = left
      liveBytes -= bytes
      if (left === 0 && slab !== open) close(slab)
    },

    mostWasteful() {
      if (usedBytes - liveBytes <= Math.max(maxSpareSlabs * slabBytes, toleratedWaste * usedBytes)) return undefined
      const slab = emptiestSlab(live, used, open)
      if (slab < 0) return undefined
      const start = slab * (mask + 1)
      const opening = openings[slab]
      return {
        start: Math.max(1, start),
        end: start + (used[slab] as number) / unit,
        isGone: () => used[slab] === 0 || openings[slab] !== opening,
      }
    },

    get liveBytes() {
      return liveBytes
    },
    get bytes() {
      return pool.bytes
    },
  }
}

/** Number of the slab with the fewest bytes in use, except the open one and empty ones; -1 when there is none. */
function emptiestSlab(live: readonly number[], used: readonly number[], open: number): number {
  let emptiest = -1
  for (let slab = 0; slab < live.length; slab++) {
    if (slab === open || used[slab] === 0) continue
    if (emptiest < 0 || (live[slab] as number) < (live[emptiest] as number)) emptiest = slab
  }
  return emptiest
}

/** The buffers of slabs by number. Some empty ones keep their memory; that of others goes back to the system. */
function makeBufferPool(slabBytes: number, maxBytes: number) {
  const none = Buffer.alloc(0)
  const buffers: Buffer[] = []
  const emptySlabs: number[] = []

  return {
    buffers: buffers as readonly Buffer[],
    /**
     * Returns the number of an empty slab.
     * @throws ViewFull
     */
    take(): number {
      const slab = emptySlabs.pop() ?? buffers.length
      if (slab >= maxBytes / slabBytes) {
        throw new ViewFull(
          `the keys and values of this log take more than the ${maxBytes} bytes that one node can hold`,
        )
      }
      if ((buffers[slab] ?? none) === none) buffers[slab] = Buffer.allocUnsafeSlow(slabBytes)
      return slab
    },
    giveBack(slab: number): void {
      if (emptySlabs.length >= maxSpareSlabs) buffers[slab] = none
      emptySlabs.push(slab)
    },
    get bytes(): number {
      return buffers.reduce((sum, buffer) => sum + buffer.length, 0)
    },
  }
}
