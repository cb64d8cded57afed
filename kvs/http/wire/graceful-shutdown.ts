import type { Clock } from '../../lib/clock.ts'
import type { Listening } from './listening.ts'

const closeIdleEveryMs = 20

/**
 * Shuts the server down gracefully: accepts no new connections, finishes the requests under way, then stops what is
 * behind them, so that requests that are still waiting get their 503. Closes what is left when the time is over.
 * @param stop after which no request waits any more
 * @param left remaining time in milliseconds
 */
export async function shutDownGracefully(
  { server, listeners }: Listening,
  stop: () => Promise<void>,
  left: () => number,
  clock: Clock,
): Promise<void> {
  const closed = Promise.all([server, ...listeners].map((each) => new Promise((resolve) => each.close(resolve))))
  const idle = clock.every(closeIdleEveryMs, () => server.closeIdleConnections())
  await Promise.race([closed, clock.sleep(left() * 0.8)])
  idle.cancel()
  await Promise.race([stop(), clock.sleep(left())])
  await Promise.race([closed, clock.sleep(left() / 2)]) // for the replies to get out
  server.closeAllConnections()
}

/** Starts a countdown from `ms` milliseconds. It returns what is left of them, at least 0. */
export function countdown(ms: number, clock: Pick<Clock, 'now'>): () => number {
  const end = clock.now() + ms
  return () => Math.max(0, end - clock.now())
}
