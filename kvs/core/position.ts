/**
 * How far a client or a node has seen the logs. It is opaque: nobody outside this file compares sequences of different
 * logs, or builds the text by hand. It names one log, or all that sites take over from each other.
 */
export interface Position {
  /** Highest sequence seen, by log id. */
  readonly sequences: ReadonlyMap<string, bigint>
  /** Highest stamp seen, as `Entry.stamp`; 0 where it does not matter, as with one log. */
  readonly stamp: number
}

/** The last entry of one log that a view has. */
export interface LastSeen {
  /** Its sequence in the log that it was first written in; 0n where there is none. */
  readonly sequence: bigint
  /** Its stamp; undefined where that is not known. */
  readonly stamp: number | undefined
}

/** Position of a client that has seen nothing. */
export const nowhere: Position = { sequences: new Map(), stamp: 0 }

export function positionAt(logId: string, sequence: bigint): Position {
  return { sequences: new Map([[logId, sequence]]), stamp: 0 }
}

const part = /^\s*([^\s=]+)=(\d{1,19})\s*$/

/** What stands for the stamp where logs have their ids, which are hexadecimal. */
const stampName = 'stamp'

export const maxLogIdLength = 64
const logIdPattern = new RegExp(`^[0-9a-z._-]{1,${maxLogIdLength}}$`, 'i')

/** Whether a text may be the id of a log. Those of this service are hexadecimal. */
export const isLogId = (text: string): boolean => logIdPattern.test(text)

/** What a text may have at most: its length, and its parts, blank ones included. */
export const positionBounds = { length: 4_096, parts: 100 }

/**
 * Reads `LOGID=SEQUENCE`, or several of them with commas between, and `stamp=STAMP`. A client may join what several
 * nodes gave it, so a log that is there more than once counts with its highest sequence. Returns undefined for any
 * other text, an empty one included, and for one beyond `positionBounds`.
 */
export function parsePosition(text: string): Position | undefined {
  if (isBeyondBounds(text)) return undefined
  const sequences = new Map<string, bigint>()
  let stamp = 0
  const parts = text.split(',').filter((one) => one.trim() !== '') // RFC 9110, 5.6.1.2
  for (const one of parts.length > 0 ? parts : [text]) {
    const [, logId, digits] = part.exec(one) ?? []
    if (logId === undefined || digits === undefined) return undefined
    if (logId === stampName) {
      stamp = Math.max(stamp, Number(digits))
    } else {
      const sequence = BigInt(digits)
      if (sequence > (sequences.get(logId) ?? -1n)) sequences.set(logId, sequence)
    }
  }
  // No number that is less exact is a log's.
  return Number.isSafeInteger(stamp) ? { sequences, stamp } : undefined
}

/** Whether a text has more than a position may, whatever it says. */
export function isBeyondBounds(text: string): boolean {
  if (text.length > positionBounds.length) return true
  let parts = 1
  for (let at = text.indexOf(','); at !== -1; at = text.indexOf(',', at + 1)) parts++
  return parts > positionBounds.parts
}

/**
 * Writes `LOGID=SEQUENCE`, for several logs with commas between, in the order of their ids; and the stamp, where there
 * is one. Empty for `nowhere`.
 */
export function formatPosition({ sequences, stamp }: Position): string {
  const logs = [...sequences]
    .toSorted(([one], [other]) => (one < other ? -1 : 1))
    .map(([logId, sequence]) => `${logId}=${sequence}`)
  return [...logs, ...(stamp > 0 ? [`${stampName}=${stamp}`] : [])].join(',')
}

/** Ids of the logs that a position names. */
export function logsIn({ sequences }: Position): Iterable<string> {
  return sequences.keys()
}

/** The sequence that a position has in one log; 0n where it does not name the log. */
export function sequenceIn({ sequences }: Position, logId: string): bigint {
  return sequences.get(logId) ?? 0n
}

/**
 * Whether a client at `position` has seen all that one at `other` has. A log that `position` does not name counts as
 * unseen.
 */
export function covers(position: Position, other: Position): boolean {
  for (const [logId, sequence] of other.sequences) {
    if (sequence > (position.sequences.get(logId) ?? -1n)) return false
  }
  return true
}

/** The least position that covers both. */
export function mergePositions(one: Position, other: Position): Position {
  const sequences = new Map(one.sequences)
  for (const [logId, sequence] of other.sequences) {
    if (sequence > (sequences.get(logId) ?? -1n)) sequences.set(logId, sequence)
  }
  return { sequences, stamp: Math.max(one.stamp, other.stamp) }
}
