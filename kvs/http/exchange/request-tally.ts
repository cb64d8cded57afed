import { type Histogram, makeHistogram } from '../../lib/histogram.ts'
import { reasonPhrases } from './reason-phrases.ts'
import type { Request } from './request.ts'

/** Upper bounds in seconds. A GET takes some 20 µs, a PUT what Postgres takes to flush. */
const durationBounds = [0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10]
const knownMethods = new Set(['GET', 'HEAD', 'PUT', 'POST', 'DELETE'])

/** What the server does and did, in plain numbers for the metrics. */
export interface HttpTally {
  /** Open client connections. */
  connections: number
  /** Connections refused because too many were open. */
  refused: number
  /** Requests that are being handled: their headers are there, their replies are not out. */
  readonly inFlight: number
  /** Requests that the parser gave up on, by the code of the error that went back. */
  readonly unparsed: ReadonlyMap<string, number>
  /** At most one entry for each route, method and status, whatever clients send. */
  requests(): Iterable<RequestCounts>
  /** Counts a request in. Each one that begins also ends. */
  begin(): void
  /** @param isSent whether all of the reply was handed to the operating system */
  end(request: Request, isSent: boolean, seconds: number): void
  countUnparsed(code: string): void
}

export interface RequestCounts {
  readonly route: string
  readonly method: string
  /** `aborted` where the connection was gone before the reply was out. */
  readonly status: string
  /** From the arrival of the headers until the last byte was handed to the operating system. */
  readonly seconds: Histogram
}

/** Stand in the place of statuses. */
const [aborted, unknown] = [0, 1]
const words = new Map([
  [aborted, 'aborted'],
  [unknown, 'other'],
])

export function makeHttpTally(): HttpTally {
  const counts = new Map<string, Map<string, Map<number, RequestCounts>>>()
  const unparsed = new Map<string, number>()
  let inFlight = 0

  function countsOf({ method, telemetry }: Request, isSent: boolean): RequestCounts {
    const { route } = telemetry
    const known = knownMethods.has(method) ? method : 'other'
    const status = isSent ? (telemetry.status ?? unknown) : aborted
    return counts.get(route)?.get(known)?.get(status) ?? add(route, known, status)
  }

  function add(route: string, method: string, status: number): RequestCounts {
    const byMethod = fill(counts, route, () => new Map())
    const byStatus = fill(byMethod, method, () => new Map())
    const known = status === aborted || reasonPhrases[status] !== undefined ? status : unknown
    const word = words.get(known) ?? String(known)
    return fill(byStatus, known, () => ({ route, method, status: word, seconds: makeHistogram(durationBounds) }))
  }

  return {
    connections: 0,
    refused: 0,
    unparsed,
    get inFlight() {
      return inFlight
    },
    *requests() {
      for (const byMethod of counts.values()) for (const byStatus of byMethod.values()) yield* byStatus.values()
    },
    begin() {
      inFlight++
    },
    end(request, isSent, seconds) {
      inFlight--
      // How long another site stays connected is no latency.
      if (!request.telemetry.isFeed) countsOf(request, isSent).seconds.observe(seconds)
    },
    countUnparsed(code) {
      unparsed.set(code, (unparsed.get(code) ?? 0) + 1)
    },
  }
}

function fill<Key, Value>(map: Map<Key, Value>, key: Key, make: () => Value): Value {
  const found = map.get(key)
  if (found !== undefined) return found
  const made = make()
  map.set(key, made)
  return made
}
