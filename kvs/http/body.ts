import type { IncomingMessage } from 'node:http'
import { KvsError } from '../errors.ts'
import type { Answer } from './answer.ts'
import { awaitsContinue } from './headers.ts'

export interface BodyLimits {
  /** Of one body, in bytes. */
  readonly maxBytes: number
  /** Of all bodies that are being received at once, as far as they have arrived; half of it for those of one caller. */
  readonly maxTotalBytes: number
}

export type ReadBody = (request: IncomingMessage, response: Answer) => Promise<Buffer>

/**
 * Reads a whole body into memory of its own. Rejects with `value_too_large` as soon as that is known, from Content-Length
 * before anything is read, with `overloaded` where all bodies together, or all of one caller, are past their bound, and with
 * `Broken` where the client goes away before the end.
 */
export function makeBodyReader({ maxBytes, maxTotalBytes }: BodyLimits): ReadBody {
  let total = 0
  const totals = new Map<string, number>()
  /** A caller alone can send the largest body, but not keep everybody else from sending theirs. */
  const maxOfCaller = Math.max(maxTotalBytes / 2, maxBytes)

  /** What a caller's bodies come to then. */
  function add(bytes: number, caller: string | undefined): number {
    total += bytes
    if (caller === undefined) return 0
    const own = (totals.get(caller) ?? 0) + bytes
    if (own === 0) totals.delete(caller)
    else totals.set(caller, own)
    return own
  }

  return (request, response) => {
    const declared = request.headers['content-length']
    // RFC 9112, 6.3; there are no events for what is not there.
    if (declared === undefined && request.headers['transfer-encoding'] === undefined) return Promise.resolve(noBody)
    if (request.destroyed) return Promise.reject(broken())
    if (declared !== undefined && Number(declared) > maxBytes) return Promise.reject(tooLarge(maxBytes, declared))
    if (awaitsContinue(request)) response.writeContinue()
    const caller = response.about.caller?.name
    return new Promise((resolve, reject) => {
      const chunks: Buffer[] = []
      let size = 0
      let isSettled = false
      request.on('data', (chunk: Buffer) => {
        size += chunk.length
        const own = add(chunk.length, caller)
        chunks.push(chunk)
        if (size > maxBytes) fail(tooLarge(maxBytes))
        else if (total > maxTotalBytes) fail(new KvsError('overloaded'))
        else if (own > maxOfCaller) fail(tooMuchOf(caller))
      })
      request.on('end', () => settle() && resolve(join(chunks, size)))
      request.on('close', () => settle() && reject(broken()))

      function settle(): boolean {
        if (isSettled) return false
        add(-size, caller)
        isSettled = true
        return true
      }

      function fail(error: KvsError): void {
        request.removeAllListeners('data')
        if (settle()) reject(error)
      }
    })
  }
}

/** The client is gone: there is nobody to answer. */
export class Broken extends Error {
  override readonly name = 'Broken'
}

const noBody = Buffer.alloc(0)
const broken = () => new Broken('the upload broke off')

function tooLarge(maxBytes: number, declared?: string): KvsError {
  const has = declared === undefined ? 'the value is larger than' : `the value has ${declared} bytes;`
  return new KvsError(
    'value_too_large',
    `${has} ${maxBytes} bytes${declared === undefined ? '' : ' at most are allowed'}`,
  )
}

function tooMuchOf(caller: string | undefined): KvsError {
  return new KvsError('overloaded', `too much of the token ${caller} is being received at once; nothing was stored`)
}

/** A chunk that is the whole body is the parser's copy of just that. */
function join(chunks: readonly Buffer[], size: number): Buffer {
  const [first] = chunks
  if (first !== undefined && first.length === size && first.buffer.byteLength === size) return first
  const body = Buffer.allocUnsafeSlow(size)
  let at = 0
  for (const chunk of chunks) at += chunk.copy(body, at)
  return body
}
