import type { IncomingMessage } from 'node:http'
import { KvsError } from '../../core/errors.ts'
import { freeBuffer } from '../../lib/buffers.ts'
import type { MemoryBudget } from '../../memory/index.ts'
import { Gathering } from './body-buffer.ts'
import { awaitsContinue, hasBody } from './headers.ts'
import type { Answer } from './response.ts'

export interface BodyLimits {
  /** Of one body, in bytes. */
  readonly maxBytes: number
  /** Of all bodies, from their first byte until they are done with. */
  readonly budget: MemoryBudget
}

/**
 * Reads a whole body into memory of its own and hands it to `use`; until that settles, the body counts in the budget. Rejects
 * as `use` does, with `value_too_large` as soon as that is known, from Content-Length before anything is read, with
 * `overloaded` where there is no room in the budget, or too much of one caller is arriving, and with `Broken` where the client
 * goes away before the end.
 */
export type ReceiveBody = <Result>(
  request: IncomingMessage,
  response: Answer,
  use: (body: Buffer) => Promise<Result>,
) => Promise<Result>

/**
 * Reads a body to its end and keeps nothing of it, so that what has to be done for a whole request alone can wait for that.
 * Undefined where there is no body, and nothing to wait for. Rejects with `value_too_large` where a value could not be as
 * large either, and with `Broken` where the client goes away before the end.
 */
export type DropBody = (request: IncomingMessage, response: Answer) => Promise<void> | undefined

export function makeBodyDropper(maxBytes: number): DropBody {
  return (request, response) => {
    if (!hasBody(request)) return undefined
    if (request.destroyed) return Promise.reject(broken())
    const declared = request.headers['content-length']
    if (Number(declared ?? 0) > maxBytes) return Promise.reject(tooLarge('body', maxBytes, declared))
    if (awaitsContinue(request)) response.writeContinue()
    return new Promise((resolve, reject) => {
      let size = 0
      request.on('data', (chunk: Buffer) => {
        size += chunk.length
        freeBuffer(chunk)
        if (size <= maxBytes) return
        request.removeAllListeners('data')
        reject(tooLarge('body', maxBytes))
      })
      request.on('end', resolve)
      request.on('close', () => reject(broken()))
    })
  }
}

export function makeBodyReader({ maxBytes, budget }: BodyLimits): ReceiveBody {
  /** What is arriving of each caller's. */
  const arriving = new Map<string, number>()
  /** A caller alone can send the largest body, but not keep everybody else from sending theirs. */
  const maxOfCaller = Math.max(budget.maxBytes / 2, maxBytes)

  /** What a caller's bodies come to then. */
  function add(bytes: number, caller: string | undefined): number {
    if (caller === undefined) return 0
    const own = (arriving.get(caller) ?? 0) + bytes
    if (own === 0) arriving.delete(caller)
    else arriving.set(caller, own)
    return own
  }

  /** @param held what the body counts for in the budget, also after a rejection */
  function read(request: IncomingMessage, response: Answer, held: { bytes: number }): Promise<Buffer> {
    const declared = request.headers['content-length']
    // RFC 9112, 6.3; there are no events for what is not there.
    if (declared === undefined && request.headers['transfer-encoding'] === undefined) return Promise.resolve(noBody)
    if (request.destroyed) return Promise.reject(broken())
    if (declared !== undefined && Number(declared) > maxBytes)
      return Promise.reject(tooLarge('value', maxBytes, declared))
    if (awaitsContinue(request)) response.writeContinue()
    const caller = response.about.caller?.name
    return new Promise((resolve, reject) => {
      const body = new Gathering(maxBytes, declared === undefined ? undefined : Number(declared))
      let isSettled = false
      request.on('data', (chunk: Buffer) => {
        if (body.size + chunk.length > maxBytes) return fail(tooLarge('value', maxBytes))
        const bytes = body.capacityWith(chunk.length)
        const more = bytes - held.bytes
        if (!budget.take('writes', more, bytes)) return fail(new KvsError('overloaded'))
        held.bytes = bytes
        if (add(more, caller) > maxOfCaller) return fail(tooMuchOf(caller))
        body.add(chunk)
      })
      request.on('end', () => settle() && resolve(body.whole()))
      request.on('close', () => settle() && fail(broken()))

      function settle(): boolean {
        if (isSettled) return false
        add(-held.bytes, caller)
        isSettled = true
        return true
      }

      function fail(error: Error): void {
        request.removeAllListeners('data')
        settle()
        body.free()
        reject(error)
      }
    })
  }

  return async (request, response, use) => {
    const held = { bytes: 0 }
    try {
      return await use(await read(request, response, held))
    } finally {
      budget.give('writes', held.bytes)
    }
  }
}

/** The client is gone: there is nobody to answer. */
export class Broken extends Error {
  override readonly name = 'Broken'
}

const noBody = Buffer.alloc(0)
const broken = () => new Broken('the upload broke off')

function tooLarge(what: 'value' | 'body', maxBytes: number, declared?: string): KvsError {
  const has = declared === undefined ? `the ${what} is larger than` : `the ${what} has ${declared} bytes;`
  return new KvsError(
    'value_too_large',
    `${has} ${maxBytes} bytes${declared === undefined ? '' : ' at most are allowed'}`,
  )
}

function tooMuchOf(caller: string | undefined): KvsError {
  return new KvsError('overloaded', `too much of the token ${caller} is being received at once; nothing was stored`)
}
