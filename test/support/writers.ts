import { createHash } from 'node:crypto'
import { sequenceOf } from './tags.ts'

/** One write as its client saw it. */
export interface Seen {
  readonly key: string
  /** Unique; undefined where the key was deleted. */
  readonly value: string | undefined
  /** False where no answer tells. */
  readonly isAcknowledged: boolean
  /** Undefined where it was not acknowledged, or spooled. */
  readonly sequence: bigint | undefined
}

/**
 * Clients that write to shared keys until stopped, each one request after the other, every value unique and provably
 * whole. What they see is recorded as it happens.
 */
export function startWriters(clients: number, keys: number, seen: Seen[], label: string) {
  const abort = new AbortController()
  let url = ''
  let next = 0

  async function writeOne(): Promise<void> {
    const id = `${label}-${next++}`
    const key = `key ${Math.floor(Math.random() * keys)}`
    const value = Math.random() < 0.2 ? undefined : makeValue(id)
    try {
      const answer = await fetch(`${url}/v1/${encodeURIComponent(key)}`, {
        ...(value === undefined ? { method: 'DELETE' } : { method: 'PUT', body: value }),
        signal: abort.signal,
      })
      const isAcknowledged = answer.ok
      const position = answer.headers.get('kvs-position')?.split('=')[1]
      const sequence = value === undefined ? position : sequenceOf(answer)
      if (answer.status === 202) seen.push({ key, value, isAcknowledged, sequence: undefined })
      // A DELETE names no sequence of its own: the position it saw is no less.
      else if (isAcknowledged && sequence) seen.push({ key, value, isAcknowledged, sequence: BigInt(sequence) })
      else if (answer.status !== 503 || /may or may not/.test(await answer.text()))
        seen.push({ key, value, isAcknowledged: false, sequence: undefined })
    } catch {
      seen.push({ key, value, isAcknowledged: false, sequence: undefined })
    }
  }

  return {
    /** Writes against a node until it is gone. */
    async against(nodeUrl: string, isGone: () => boolean): Promise<void> {
      url = nodeUrl
      await Promise.all(
        Array.from({ length: clients }, async () => {
          while (!isGone()) await writeOne()
        }),
      )
    },
  }
}

/** Of a random length up to 20 kB, and with its own checksum in front. */
export function makeValue(id: string): string {
  const body = `${id} ${'x'.repeat(Math.floor(Math.random() ** 4 * 20_000))}`
  return `${checksum(body)} ${body}`
}

export function isWhole(value: string): boolean {
  return value.slice(0, 16) === checksum(value.slice(17))
}

function checksum(text: string): string {
  return createHash('sha256').update(text).digest('hex').slice(0, 16)
}
