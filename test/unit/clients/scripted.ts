import { once } from 'node:events'
import { createServer, type IncomingHttpHeaders, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { onTestFinished } from 'vitest'
import { type Client, type ClientOptions, makeClient } from '../../../clients/typescript/src/index.ts'

/** An answer; a connection that ends without one; or none for ever. */
export type Step = 'break' | 'hang' | Answer

export interface Answer {
  readonly status?: number
  readonly headers?: Readonly<Record<string, string>>
  readonly body?: string | Buffer | object
}

/** A request as it came. */
export interface Seen {
  readonly method: string
  readonly path: string
  readonly headers: IncomingHttpHeaders
  readonly body: string
}

/** Starts a server that answers each request with the next step, and the last step for ever. */
export async function startScript(...steps: Step[]) {
  const seen: Seen[] = []
  const server = createServer(async (request, response) => {
    const chunks: Buffer[] = []
    for await (const chunk of request) chunks.push(chunk)
    const { method = '', url = '', headers } = request
    seen.push({ method, path: url, headers, body: Buffer.concat(chunks).toString() })
    play(steps[Math.min(seen.length, steps.length) - 1] ?? 'break', response)
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  onTestFinished(() => {
    server.closeAllConnections()
    server.close()
  })
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  /** A client whose pauses are short. */
  const client = (options: Partial<ClientOptions> = {}): Client =>
    makeClient({ url, retry: { firstDelayMs: 1, maxDelayMs: 2 }, ...options })
  return { url, seen, client }
}

function play(step: Step, response: ServerResponse): void {
  if (step === 'hang') return
  if (step === 'break') {
    response.destroy()
    return
  }
  const { status = 200, headers = {}, body = '' } = step
  const isJson = typeof body === 'object' && !Buffer.isBuffer(body)
  response.writeHead(status, { ...(isJson && { 'Content-Type': 'application/json' }), ...headers })
  response.end(isJson ? JSON.stringify(body) : body)
}

/** An error as the service tells it. */
export function problem(status: number, code: string, headers: Readonly<Record<string, string>> = {}): Answer {
  return {
    status,
    headers: { 'Content-Type': 'application/problem+json', ...headers },
    body: { code, detail: `it is ${code}` },
  }
}
