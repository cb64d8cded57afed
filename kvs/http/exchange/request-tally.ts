import { STATUS_CODES } from 'node:http'
import { type Histogram, makeHistogram } from '../../lib/histogram.ts'
import type { Answer } from './response.ts'

/** In seconds. A GET takes some 20 µs, a PUT what Postgres takes to flush. */
const durationBounds = [0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10]
const knownMethods = new Set(['GET', 'HEAD', 'PUT', 'DELETE'])

/** What the server has to do, and has done, in plain numbers. */
export interface HttpTally {
  /** Open client connections. */
  connections: number
  /** Connections refused, since too many were open. */
  refused: number
  /** Requests that have arrived whole enough to be handled, and whose answers are not out yet. */
  readonly inFlight: number
  /** How many requests the parser gave up on, by the code of the error they were answered with. */
  readonly unparsed: ReadonlyMap<string, number>
  /** As many as there are routes, methods and statuses, whatever clients send. */
  requests(): Iterable<RequestCounts>
  /** A request is being handled. Each that has begun ends. */
  begin(): void
  /** The answer has gone out, or its connection is gone. */
  end(answer: Answer, seconds: number): void
  countUnparsed(code: string): void
}

export interface RequestCounts {
  readonly route: string
  readonly method: string
  /** `aborted` where the connection was gone before the answer was out. */
  readonly status: string
  /** From the arrival of the headers to the last byte's being handed to the operating system. */
  readonly seconds: Histogram
}

export function makeHttpTally(): HttpTally {
  const counts = new Map<string, Map<string, Map<number, RequestCounts>>>()
  const unparsed = new Map<string, number>()
  let inFlight = 0

  function countsOf({ about: { route }, req: { method = '' }, statusCode, writableFinished }: Answer): RequestCounts {
    const known = knownMethods.has(method) ? method : 'other'
    const status = writableFinished ? statusCode : aborted
    return counts.get(route)?.get(known)?.get(status) ?? add(route, known, status)
  }

  function add(route: string, method: string, status: number): RequestCounts {
    const byMethod = fill(counts, route, () => new Map())
    const byStatus = fill(byMethod, method, () => new Map())
    const known = status === aborted || STATUS_CODES[status] !== undefined ? status : unknown
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
    end(answer, seconds) {
      inFlight--
      countsOf(answer).seconds.observe(seconds)
    },
    countUnparsed(code) {
      unparsed.set(code, (unparsed.get(code) ?? 0) + 1)
    },
  }
}

/** In the place of statuses. */
const [aborted, unknown] = [0, 1]
const words = new Map([
  [aborted, 'aborted'],
  [unknown, 'other'],
])

function fill<Key, Value>(map: Map<Key, Value>, key: Key, make: () => Value): Value {
  const found = map.get(key)
  if (found !== undefined) return found
  const made = make()
  map.set(key, made)
  return made
}
