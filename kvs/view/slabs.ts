/** Of 2^32 addresses, each of 8 bytes. */
export const maxViewBytes = 32 * 1024 ** 3

/** The keys and small values of the log take more than `maxViewBytes`. */
export class ViewFull extends Error {
  override readonly name = 'ViewFull'
}

const unit = 8
/** More than this share of what is used must be free before anything is moved to get it back. */
const tolerated = 0.2
/** Emptied slabs that are kept for what comes next; the memory of others is given back. */
const keptEmpty = 4

/**
 * Memory in large pieces, outside of V8's heap: garbage collection does not see what is in them. Space is given out from
 * the end of one slab, and comes back a whole slab at a time, once nothing in it is in use.
 */
export interface Slabs {
  /** By number. A piece of memory is at an address: its place, in units of 8 bytes, over all slabs. Never 0. */
  buffer(address: number): Buffer
  offset(address: number): number
  /** Bytes between one address and the next. */
  readonly unit: number
  /** Rounds up to what is given out. */
  roundUp(bytes: number): number
  /** @throws ViewFull */
  allocate(bytes: number): number
  release(address: number, bytes: number): void
  /** Where more is free, in pieces between others, than is tolerated: the slab that has most of it. */
  mostWasteful(): Slab | undefined
  /** In use. */
  readonly liveBytes: number
  /** Taken from the system. */
  readonly bytes: number
}

export interface Slab {
  /** Its first address. */
  readonly start: number
  /** The one after the last that was given out. */
  readonly end: number
  /** Nothing in it is in use any more; or it was emptied, and has been given out anew and may be full of other pieces. */
  isGone(): boolean
}

/** @param slabBytes a power of two; nothing larger can be allocated */
export function makeSlabs(slabBytes = 1024 * 1024, maxBytes = maxViewBytes): Slabs {
  const shift = Math.log2(slabBytes / unit)
  const mask = 2 ** shift - 1
  const none = Buffer.alloc(0)
  const buffers: Buffer[] = []
  const live: number[] = []
  const used: number[] = []
  const empty: number[] = []
  /** How many times each was opened. */
  const openings: number[] = []
  let open = -1
  let liveBytes = 0
  let usedBytes = 0

  function openNext(): void {
    const next = empty.pop() ?? buffers.length
    if (next >= maxBytes / slabBytes) {
      throw new ViewFull(`the keys and values of this log take more than the ${maxBytes} bytes that one node can hold`)
    }
    if ((buffers[next] ?? none) === none) buffers[next] = Buffer.allocUnsafeSlow(slabBytes)
    live[next] = 0
    used[next] = next === 0 ? unit : 0 // no piece has the address 0
    openings[next] = (openings[next] ?? 0) + 1
    usedBytes += used[next] as number
    open = next
  }

  function close(slab: number): void {
    usedBytes -= used[slab] as number
    used[slab] = 0
    if (empty.length >= keptEmpty) buffers[slab] = none
    empty.push(slab)
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
      if (usedBytes - liveBytes <= Math.max(keptEmpty * slabBytes, tolerated * usedBytes)) return undefined
      let emptiest = -1
      for (let slab = 0; slab < live.length; slab++) {
        if (slab === open || used[slab] === 0) continue
        if (emptiest < 0 || (live[slab] as number) < (live[emptiest] as number)) emptiest = slab
      }
      if (emptiest < 0) return undefined
      const start = emptiest * (mask + 1)
      const opening = openings[emptiest]
      return {
        start: Math.max(1, start),
        end: start + (used[emptiest] as number) / unit,
        isGone: () => used[emptiest] === 0 || openings[emptiest] !== opening,
      }
    },

    get liveBytes() {
      return liveBytes
    },
    get bytes() {
      return buffers.reduce((sum, buffer) => sum + buffer.length, 0)
    },
  }
}
