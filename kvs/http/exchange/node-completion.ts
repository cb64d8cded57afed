import type { Socket } from 'node:net'
import type { NodeRequest } from './node-request.ts'
import type { RequestLog } from './request-log.ts'
import type { HttpTally } from './request-tally.ts'

/** Requests of a connection that are not over; one listener for its close then does for all of them. */
const unfinished = Symbol('unfinished')

interface Connection extends Socket {
  [unfinished]?: Unfinished
}

interface Unfinished {
  /** The request whose reply is next, or was the last one. */
  current: NodeRequest | undefined
  /** Pipelined requests that were handled before the reply ahead of them was out. */
  readonly queued: Set<NodeRequest>
}

/** Counts each request and logs it once it is over: when its reply is out, or its connection gone. */
export function makeCompletionTracker(tally: HttpTally, log: RequestLog): (request: NodeRequest) => void {
  function complete(request: NodeRequest): void {
    if (request.isOver) return
    request.complete = undefined
    request.resource?.release()
    request.resource = undefined
    const connection: Connection = request.message.socket
    connection[unfinished]?.queued.delete(request)
    const ms = request.clock.now() - request.telemetry.arrivedAt
    const isSent = request.response.writableFinished
    tally.end(request, isSent, ms / 1_000)
    log(request, isSent, ms)
  }

  function follow(connection: Connection): Unfinished {
    const requests: Unfinished = { current: undefined, queued: new Set() }
    connection[unfinished] = requests
    connection.once('close', () => {
      if (requests.current) complete(requests.current)
      for (const request of requests.queued) complete(request)
    })
    return requests
  }

  return (request) => {
    const connection: Connection = request.message.socket
    if (connection.destroyed) return
    const requests = connection[unfinished] ?? follow(connection)
    tally.begin()
    request.complete = complete
    if (request.response.socket === null) requests.queued.add(request)
    else requests.current = request
  }
}
