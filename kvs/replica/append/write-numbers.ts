/**
 * The numbers of this node's writes. The log stores the number of the last write that it has of this node, with the
 * write, so that a write lands exactly once, however often it is sent under its number, and whatever is killed in
 * between. Numbers rise, and may have gaps.
 */
export interface WriteNumbers {
  /** Gives as many writes the numbers after all others. Returns the last one. */
  assign(writes: number): bigint
  /** Makes what is assigned from now on come after this number. */
  startAfter(number: bigint): void
  /**
   * Number of the last write of a batch that was spooled while its append was in doubt; undefined once a session has
   * told whether that landed.
   */
  spooledInDoubt: bigint | undefined
}

/** @param last the highest number known to be taken */
export function makeWriteNumbers(last: bigint): WriteNumbers {
  return {
    spooledInDoubt: undefined,
    assign(writes) {
      last += BigInt(writes)
      return last
    },
    startAfter(number) {
      if (number > last) last = number
    },
  }
}
