import { KvsError } from '../../core/errors.ts'
import { freeBuffer } from '../../lib/buffers.ts'
import type { MemoryBudget } from '../../memory/index.ts'
import { BodyBuffer } from './body-buffer.ts'
import { firstHeaderOf, hasBody, hasHeader } from './headers.ts'
import type { BodyReader, Request } from './request.ts'

export interface BodyLimits {
  /** Largest body, in bytes. */
  readonly maxBytes: number
  /** Bounds all bodies together, each from its first byte until it is stored or refused. */
  readonly budget: MemoryBudget
  /** What a body is, for the error that says that it is too large: a value by default. */
  readonly what?: 'value' | 'transaction' | 'form' | 'body'
}

/**
 * Reads a whole body into memory of its own and hands it to `use`; the body counts in the budget until that settles.
 * Rejects as `use` does; with `value_too_large` or `transaction_too_large` as soon as that is known, from
 * Content-Length before anything is read; with `overloaded` where the budget has no room, or too much of one caller is
 * arriving; with `Broken` where the client goes away before the end.
 */
export type ReceiveBody = <Result>(request: Request, use: (body: Buffer) => Promise<Result>) => Promise<Result>

/**
 * Reads a body to its end and keeps nothing of it, so that what only a whole request may do can wait for that. Returns
 * undefined where there is no body. Rejects with `value_too_large` where no value may be as large, and with `Broken`
 * where the client goes away before the end.
 */
export type DropBody = (request: Request) => Promise<void> | undefined

export function makeBodyDropper(maxBytes: number): DropBody {
  return (request) => {
    if (!hasBody(request)) return undefined
    const declared = firstHeaderOf(request, 'content-length')
    if (Number(declared ?? 0) > maxBytes) return Promise.reject(tooLarge('body', maxBytes, declared))
    return new Promise((resolve, reject) => {
      let size = 0
      request.body.read({
        onChunk(chunk) {
          size += chunk.length
          freeBuffer(chunk)
          if (size <= maxBytes) return
          request.body.stop()
          reject(tooLarge('body', maxBytes))
        },
        onEnd: resolve,
        onBreak: () => reject(broken()),
      })
    })
  }
}

export function makeBodyReceiver({ maxBytes, budget, what = 'value' }: BodyLimits): ReceiveBody {
  const callers = new CallerShares(Math.max(budget.maxBytes / 2, maxBytes))

  return async (request, use) => {
    const declared = firstHeaderOf(request, 'content-length')
    // RFC 9112, 6.3; Node tells nothing of a body that is not there.
    if (declared === undefined && !hasHeader(request, 'transfer-encoding')) return use(noBody)
    if (Number(declared ?? 0) > maxBytes) throw tooLarge(what, maxBytes, declared)
    const arrival = new Arrival(request, { maxBytes, budget, what }, callers, declared)
    try {
      return await use(await arrival.body)
    } finally {
      arrival.release()
    }
  }
}

/**
 * Bytes that are arriving for each caller. One caller may send the largest body, but not keep all others from sending.
 */
class CallerShares {
  readonly maxBytes: number
  private readonly arriving = new Map<string, number>()

  constructor(maxBytes: number) {
    this.maxBytes = maxBytes
  }

  /** Returns what the caller's bodies come to with these bytes; 0 where nobody has to say who they are. */
  add(bytes: number, caller: string | undefined): number {
    if (caller === undefined) return 0
    const own = (this.arriving.get(caller) ?? 0) + bytes
    if (own === 0) this.arriving.delete(caller)
    else this.arriving.set(caller, own)
    return own
  }
}

/** A body on its way into memory. */
class Arrival implements BodyReader {
  readonly body: Promise<Buffer>
  private readonly request: Request
  private readonly limits: Required<BodyLimits>
  private readonly callers: CallerShares
  private readonly buffer: BodyBuffer
  /** Bytes that the body counts for in the budget, also after a rejection. */
  private held = 0
  private isSettled = false
  private resolve: (body: Buffer) => void = () => undefined
  private reject: (error: Error) => void = () => undefined

  constructor(request: Request, limits: Required<BodyLimits>, callers: CallerShares, declared: string | undefined) {
    this.request = request
    this.limits = limits
    this.callers = callers
    this.buffer = new BodyBuffer(limits.maxBytes, declared === undefined ? undefined : Number(declared))
    this.body = new Promise((resolve, reject) => {
      this.resolve = resolve
      this.reject = reject
    })
    request.body.read(this)
  }

  onChunk(chunk: Buffer): void {
    const { buffer, held, caller } = this
    const { maxBytes, budget, what } = this.limits
    if (buffer.size + chunk.length > maxBytes) return void this.fail(tooLarge(what, maxBytes))
    const bytes = buffer.capacityWith(chunk.length)
    if (!budget.take('writes', bytes - held, bytes)) return void this.fail(new KvsError('overloaded'))
    this.held = bytes
    if (this.callers.add(bytes - held, caller) > this.callers.maxBytes) return void this.fail(tooMuchOf(caller))
    buffer.add(chunk)
  }

  onEnd(): void {
    if (this.settle()) this.resolve(this.buffer.whole())
  }

  onBreak(): void {
    this.fail(broken())
  }

  release(): void {
    this.limits.budget.give('writes', this.held)
  }

  private get caller(): string | undefined {
    return this.request.caller?.name
  }

  private settle(): boolean {
    if (this.isSettled) return false
    this.callers.add(-this.held, this.caller)
    this.isSettled = true
    return true
  }

  private fail(error: Error): void {
    if (!this.settle()) return
    this.request.body.stop()
    this.buffer.free()
    this.reject(error)
  }
}

/** The client is gone: there is nobody to reply to. */
export class Broken extends Error {
  override readonly name = 'Broken'
}

const noBody = Buffer.alloc(0)
const broken = () => new Broken('the upload broke off')

function tooLarge(what: 'value' | 'transaction' | 'form' | 'body', maxBytes: number, declared?: string): KvsError {
  const has = declared === undefined ? `the ${what} is larger than` : `the ${what} has ${declared} bytes;`
  return new KvsError(
    what === 'transaction' ? 'transaction_too_large' : 'value_too_large',
    `${has} ${maxBytes} bytes${declared === undefined ? '' : ' at most are allowed'}`,
  )
}

function tooMuchOf(caller: string | undefined): KvsError {
  return new KvsError('overloaded', `too much of the token ${caller} is being received at once; nothing was stored`)
}
