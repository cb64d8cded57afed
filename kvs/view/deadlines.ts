/**
 * Writes into the record at an address where its deadline is kept. The slot comes back with `remove` and `move`. It is
 * an unsigned integer of 32 bits.
 */
export type SetSlot = (address: number, slot: number) => void

/**
 * The deadlines of records: those to come in a heap, the earliest first, and those that have passed in a list without
 * an order. Each record knows its slot there, so that no deadline is left of a record that was replaced, removed or
 * moved. It is outside of V8's heap and takes 12 bytes for each deadline to come, and 4 for each that has passed.
 */
export interface Deadlines {
  /** Number of deadlines to come, as far as `lapse` was told of the time. */
  readonly pending: number
  /** Number of deadlines that have passed. */
  readonly lapsed: number
  /** The earliest deadline to come, as it was added; undefined when there is none. */
  readonly next: number | undefined
  /** Memory that is taken, in bytes. */
  readonly bytes: number
  /** Adds the record's deadline to those to come. It may have passed. */
  add(address: number, deadline: number): void
  /** Forgets the deadline in a slot. */
  remove(slot: number): void
  /** Changes the address of a record that was moved together with its slot. */
  move(slot: number, address: number): void
  /**
   * Takes the earliest deadline to those that have passed, where it is not after `now`. Returns its record's address; 0
   * where it is.
   */
  lapse(now: number): number
  /** Address of a record whose deadline has passed, by its index from 0 up to `lapsed`. */
  lapsedAt(index: number): number
}

/** Slots from here on are those of deadlines that have passed. No view has as many records: one takes 16 bytes. */
const firstLapsed = 2 ** 31

/** Children of a node of the heap. With four, they are in one cache line, and half as many records are told a slot. */
const arity = 4

export function makeDeadlines(setSlot: SetSlot): Deadlines {
  const heap = makeHeap(setSlot)
  const addresses = makeList((length) => new Uint32Array(length))
  let lapsed = 0

  function removeLapsed(index: number): void {
    lapsed--
    if (index !== lapsed) {
      const last = addresses.get(lapsed)
      addresses.set(index, last)
      setSlot(last, firstLapsed + index)
    }
    addresses.shrinkTo(lapsed)
  }

  return {
    get pending() {
      return heap.size
    },
    get lapsed() {
      return lapsed
    },
    get next() {
      return heap.size === 0 ? undefined : heap.deadlineAt(0)
    },
    get bytes() {
      return heap.bytes + addresses.bytes
    },
    add: (address, deadline) => heap.add(address, deadline),
    remove(slot) {
      if (slot >= firstLapsed) removeLapsed(slot - firstLapsed)
      else heap.remove(slot)
    },
    move(slot, address) {
      if (slot >= firstLapsed) addresses.set(slot - firstLapsed, address)
      else heap.move(slot, address)
    },
    lapse(now) {
      if (heap.size === 0 || heap.deadlineAt(0) > now) return 0
      const address = heap.addressAt(0)
      heap.remove(0)
      addresses.set(lapsed, address)
      setSlot(address, firstLapsed + lapsed)
      lapsed++
      return address
    },
    lapsedAt: (index) => addresses.get(index),
  }
}

/** A heap of deadlines with their records' addresses. The slot of one is its index. */
function makeHeap(setSlot: SetSlot) {
  const deadlines = makeList((length) => new Float64Array(length))
  const addresses = makeList((length) => new Uint32Array(length))
  let size = 0

  function put(index: number, deadline: number, address: number): void {
    deadlines.set(index, deadline)
    addresses.set(index, address)
    setSlot(address, index)
  }

  /** Moves what is at `from` to `to`. Returns `from`, which is free then. */
  function pull(from: number, to: number): number {
    put(to, deadlines.get(from), addresses.get(from))
    return from
  }

  /** Puts a deadline at an index that is free, or above it. */
  function rise(index: number, deadline: number, address: number): void {
    let at = index
    while (at > 0) {
      const parent = Math.floor((at - 1) / arity)
      if (deadlines.get(parent) <= deadline) break
      at = pull(parent, at)
    }
    put(at, deadline, address)
  }

  /** Puts a deadline at an index that is free, or below it. */
  function sink(index: number, deadline: number, address: number): void {
    let at = index
    for (;;) {
      const child = earliestChild(at)
      if (child < 0 || deadlines.get(child) >= deadline) break
      at = pull(child, at)
    }
    put(at, deadline, address)
  }

  function earliestChild(index: number): number {
    const first = arity * index + 1
    if (first >= size) return -1
    let earliest = first
    const end = Math.min(first + arity, size)
    for (let child = first + 1; child < end; child++) {
      if (deadlines.get(child) < deadlines.get(earliest)) earliest = child
    }
    return earliest
  }

  return {
    get size(): number {
      return size
    },
    get bytes(): number {
      return deadlines.bytes + addresses.bytes
    },
    deadlineAt: (index: number): number => deadlines.get(index),
    addressAt: (index: number): number => addresses.get(index),
    move: (index: number, address: number): void => addresses.set(index, address),

    add(address: number, deadline: number): void {
      size++
      rise(size - 1, deadline, address)
    },

    /** The last one takes the place of the one that goes, and finds its own from there. */
    remove(index: number): void {
      size--
      const [deadline, address] = [deadlines.get(size), addresses.get(size)]
      if (index < size) {
        const isEarlier = index > 0 && deadlines.get(Math.floor((index - 1) / arity)) > deadline
        if (isEarlier) rise(index, deadline, address)
        else sink(index, deadline, address)
      }
      deadlines.shrinkTo(size)
      addresses.shrinkTo(size)
    },
  }
}

/** Numbers of a list in one piece of memory: a list grows and shrinks by these, and is never copied. */
const pieceBits = 10
const pieceLength = 2 ** pieceBits

/** A list of numbers in pieces. With 1,000,000 of them, one piece that doubles would hold everything up for 2 ms. */
function makeList(makePiece: (length: number) => Float64Array | Uint32Array) {
  const pieces: (Float64Array | Uint32Array)[] = []

  return {
    get bytes(): number {
      return pieces.reduce((sum, { byteLength }) => sum + byteLength, 0)
    },
    get: (index: number): number => (pieces[index >>> pieceBits] as Float64Array)[index & (pieceLength - 1)] as number,

    /** Sets a number, at most at the index after the last one. */
    set(index: number, value: number): void {
      const piece = index >>> pieceBits
      if (piece === pieces.length) pieces.push(makePiece(pieceLength))
      ;(pieces[piece] as Float64Array)[index & (pieceLength - 1)] = value
    },

    /** Gives back the memory after `length` numbers, but for a piece. */
    shrinkTo(length: number): void {
      if (length >>> pieceBits < pieces.length - 2) pieces.pop()
    },
  }
}
