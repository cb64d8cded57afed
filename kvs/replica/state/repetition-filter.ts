/** A text counts as told for so long after its last repetition, though others may have come in between. */
const toldForMs = 10 * 60_000
/** Bound on the texts that are told within that time: a trigger's message may name the key. */
const mostTold = 10

/**
 * Returns a function that says of a text, at a monotonic moment in milliseconds, whether it is news and is to be
 * logged.
 */
export function makeRepetitionFilter(): (text: string, now: number) => boolean {
  /** Texts that were told, with the moment of their last repetition. */
  const told = new Map<string, number>()

  return (text, now) => {
    for (const [one, at] of told) if (now - at > toldForMs) told.delete(one)
    const isTold = told.has(text)
    if (!isTold && told.size >= mostTold) return false
    told.set(text, now)
    return !isTold
  }
}
