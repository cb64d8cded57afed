import { once } from 'node:events'
import type { Server } from 'node:http'
import { Server as TlsServer } from 'node:https'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Logger } from '../store/condition.ts'

/** Rejects with a sentence where the port is taken. */
export async function listen(
  server: Server,
  { host, port }: { readonly host: string; readonly port: number },
  logger: Logger,
): Promise<void> {
  server.listen(port, host)
  await once(server, 'listening').catch((error) => {
    if (error.code === 'EADDRINUSE') throw new Error(`port ${port} is in use on ${host}: set PORT to another one`)
    throw error
  })
  const address = server.address()
  const shown = typeof address === 'object' ? address?.port : port
  const scheme = server instanceof TlsServer ? 'https' : 'http'
  logger.info(`listening on ${scheme}://${host.includes(':') ? `[${host}]` : host}:${shown}`)
}

/**
 * Takes no new connections, finishes the requests under way, then what is behind them; what is late gets its 503.
 * @param stop after which nothing is waited for any more
 */
export async function finish(server: Server, stop: () => Promise<void>, left: () => number): Promise<void> {
  const closed = new Promise((resolve) => server.close(resolve))
  const idle = setInterval(() => server.closeIdleConnections(), 20) // as they become so
  await Promise.race([closed, sleep(left() * 0.8)])
  clearInterval(idle)
  await Promise.race([stop(), sleep(left())])
  await Promise.race([closed, sleep(left() / 2)]) // for the answers to get out
  server.closeAllConnections()
}

/** How much of a time is left, in milliseconds; never less than 0. */
export function countdown(ms: number): () => number {
  const end = performance.now() + ms
  return () => Math.max(0, end - performance.now())
}
