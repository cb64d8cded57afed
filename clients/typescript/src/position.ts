/** How far a client has seen the log, as text for `KVS-Min-Position`. */
export interface Positions {
  /** `LOGID=SEQUENCE`, several of them with commas where there are several logs; empty before the first answer. */
  readonly text: string
  /**
   * Takes in a position that was seen, here or elsewhere. One that was seen before changes nothing.
   * @throws TypeError where the text is no position
   */
  advance(text: string): void
  /** Forgets all that was seen, so that reads may go back in time. */
  forget(): void
}

const part = /^\s*([^\s=]+)=(\d{1,19})\s*$/

export function makePositions(initial = ''): Positions {
  const sequences = new Map<string, bigint>()

  function advance(text: string): void {
    for (const one of text.split(',')) {
      if (one.trim() === '') continue
      const [, logId, digits] = part.exec(one) ?? []
      if (logId === undefined || digits === undefined) {
        throw new TypeError(`a position is LOGID=SEQUENCE, or several with commas, and not "${text}"`)
      }
      const sequence = BigInt(digits)
      if (sequence > (sequences.get(logId) ?? -1n)) sequences.set(logId, sequence)
    }
  }

  advance(initial)
  return {
    get text() {
      return [...sequences].map(([logId, sequence]) => `${logId}=${sequence}`).join(',')
    },
    advance,
    forget: () => sequences.clear(),
  }
}
