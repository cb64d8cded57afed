import { ServerResponse } from 'node:http'

/** What a request is counted under, where its path is none of the service's. */
export const otherRoute = 'other'

/** An answer on its way, with what the metrics need to know of it. */
export class Answer extends ServerResponse {
  /** When its request's headers were there, as a moment of `performance.now()`. */
  arrivedAt = 0
  /** The route's pattern, never the path. */
  route = otherRoute
  isCounted = false
}
