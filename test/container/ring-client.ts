import { hash } from 'node:crypto'

/** What a request in the dialect of the ring was answered: its text is all that there is to see. */
export interface Answered {
  readonly status: number
  readonly text: string
}

/** Addresses by positions, as the dialect's forms have them. */
export type RingPositions = Readonly<Record<number, string>>

/**
 * Keys of every part of a ring with the positions 3000 and 8000: from the lowest slot on, past the last position, and
 * where the position 5000 would take them away. Some are easily spoilt on the way.
 */
export const ringWords: readonly string[] = [
  ...['zebra', 'tomato', 'cherry', 'plum', 'mango', 'olive', 'lemon', 'banana', 'ключ', 'grape', 'raisin'],
  'a/b c&d=100%',
]

/** Path at /v1 of a key of the dialect. */
const v1PathOf = (key: string) => `/v1/route/${encodeURIComponent(key)}`

/** What the student project's scripts ask of a node, or of nginx in front of all. */
export function makeRingClient(url: string) {
  async function ask(path: string, options: RequestInit = {}): Promise<Answered> {
    const answer = await fetch(`${url}${path}`, { signal: AbortSignal.timeout(60_000), ...options })
    return { status: answer.status, text: await answer.text() }
  }
  const post = (path: string, form: Record<string, string>) =>
    ask(path, { method: 'POST', body: new URLSearchParams(form) })

  return {
    url,
    ask,
    setRing(positions: RingPositions) {
      const nodes = Object.entries(positions).map(([key, ip]) => ({ ip, key }))
      return post('/hash_ring', { data: JSON.stringify({ nodes }) })
    },
    /** Addresses by positions, however the answer puts them. */
    async ring(): Promise<RingPositions> {
      const { status, text } = await ask('/hash_ring')
      if (status !== 200) throw new Error(`${url}/hash_ring answers ${status}: ${text}`)
      return Object.fromEntries([...text.matchAll(/"(\d+)": ?"([^"]+)"/g)].map(([, key, ip]) => [key, ip]))
    },
    put: (key: string, val: string) => post('/route', { key, val }),
    get: (key: string) => ask(`/route?key=${encodeURIComponent(key)}`),
    ownerOf: (key: string) => ask(`/route_test?key=${encodeURIComponent(key)}`),
    add: (position: number, address: string) => ask(`/add_node/${position}/${address}`),
    remove: (address: string) => ask(`/remove_node/${address}`),
    clear: () => ask('/clear_cache'),
    /** The keys of the dialect that the node that answers has itself. */
    async ownKeys(): Promise<string[]> {
      const { status, text } = await ask('/fetch_keys')
      if (status !== 200) throw new Error(`${url}/fetch_keys answers ${status}: ${text}`)
      return JSON.parse(text)
    },
    /** Deletes a key of the dialect, which has no path for that. */
    delete: (key: string) => ask(v1PathOf(key), { method: 'DELETE' }),
    /** ETag of a key of the dialect; null where it has no value. */
    async tagOf(key: string): Promise<string | null> {
      const { headers } = await fetch(`${url}${v1PathOf(key)}`, { method: 'HEAD', signal: AbortSignal.timeout(60_000) })
      return headers.get('etag')
    },
  }
}

export type RingClient = ReturnType<typeof makeRingClient>

/** Where a key is in the ring, computed from the definition and not by the service's code. */
export const slotByHand = (key: string) => Number(BigInt(`0x${hash('md5', key)}`) % 10_000n)

/** Address that a key belongs to: that of the first position at or after its slot, else of the lowest one. */
export function ownerByHand(positions: RingPositions, key: string): string {
  const sorted = Object.entries(positions).sort(([one], [other]) => Number(one) - Number(other))
  const found = sorted.find(([position]) => Number(position) >= slotByHand(key)) ?? sorted[0]
  if (found === undefined) throw new Error('a ring has a position')
  return found[1]
}
