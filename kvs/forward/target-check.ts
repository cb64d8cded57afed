import type { Tls } from '../tls/index.ts'
import { makeTarget } from './target.ts'
import { explain, Late } from './target-failures.ts'

export interface TargetCheckOptions {
  readonly address: string
  /** Certificates for https://. */
  readonly forwardTls: Tls | undefined
  readonly forwardTimeoutMs: number
}

const maxMs = 5_000

/**
 * Asks the target for its readiness, as a forwarder would, and returns the result in a sentence; a target need not be
 * ready. Rejects with an Error that says why there is no answer.
 */
export async function checkTarget({ address, forwardTls: tls, forwardTimeoutMs }: TargetCheckOptions): Promise<string> {
  const timeoutMs = Math.min(forwardTimeoutMs, maxMs)
  const { dispatcher, name, url, servername } = makeTarget({ address, tls, timeoutMs, logger: silent })
  const signal = AbortSignal.timeout(timeoutMs)
  try {
    const readiness = { method: 'GET' as const, path: '/readyz', headers: { host: name }, signal, servername }
    const { statusCode, body } = await dispatcher.request(readiness)
    await body.dump()
    return `${url} answers: ${statusCode === 200 ? 'it is ready' : `it is not ready (/readyz answers ${statusCode})`}`
  } catch (error) {
    const known = signal.aborted ? new Late(`no answer within ${timeoutMs} ms`) : error
    throw new Error(explain(known instanceof Error ? known : new Error(String(known)), name), { cause: error })
  } finally {
    await dispatcher.destroy()
  }
}

const silent = { info: () => undefined, warn: () => undefined }
