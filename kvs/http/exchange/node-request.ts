import type { IncomingMessage } from 'node:http'
import type { TLSSocket } from 'node:tls'
import type { Clock } from '../../lib/clock.ts'
import type { Random } from '../../lib/random.ts'
import type { Caller } from './caller.ts'
import { hasBody } from './headers.ts'
import { NodeBody } from './node-body.ts'
import { abortReply, sendReply } from './node-reply.ts'
import type { NodeResponse } from './node-response.ts'
import type { Reply } from './reply.ts'
import type { Exchange, Resource } from './request.ts'
import { beginTelemetry, type Telemetry } from './telemetry.ts'

/** What all requests of a server share. */
export interface ExchangeContext {
  readonly clock: Clock
  readonly random: Random
}

/** A request that came by node:http. The one object that is made for it, beside Node's own and its telemetry. */
export class NodeRequest implements Exchange {
  readonly message: IncomingMessage
  readonly response: NodeResponse
  readonly path: string
  readonly query: string
  readonly telemetry: Telemetry
  caller: Caller | undefined = undefined
  resource: Resource | undefined = undefined
  /**
   * Called when the reply is out or the connection is gone. Undefined before the request is tracked, and afterwards.
   */
  complete: ((request: NodeRequest) => void) | undefined = undefined
  private readonly context: ExchangeContext
  private bodyOnDemand: NodeBody | undefined = undefined

  constructor(message: IncomingMessage, response: NodeResponse, context: ExchangeContext) {
    this.message = message
    this.response = response
    this.context = context
    this.telemetry = beginTelemetry(context.clock.now())
    const target = originForm(message.url ?? '')
    const at = target.indexOf('?')
    this.path = at < 0 ? target : target.slice(0, at)
    this.query = at < 0 ? '' : target.slice(at + 1)
    response.request = this
  }

  get method(): string {
    return this.message.method ?? ''
  }

  get target(): string {
    return this.message.url ?? ''
  }

  get version(): string {
    return this.message.httpVersion
  }

  get headers(): readonly string[] {
    return this.message.rawHeaders
  }

  get connection(): object {
    return this.message.socket
  }

  get isEncrypted(): boolean {
    return (this.message.socket as Partial<TLSSocket>).encrypted === true
  }

  get isUploading(): boolean {
    return !this.message.complete && hasBody(this)
  }

  get isOver(): boolean {
    return this.complete === undefined
  }

  get isReplying(): boolean {
    return this.response.headersSent
  }

  get clock(): Clock {
    return this.context.clock
  }

  get random(): Random {
    return this.context.random
  }

  get body(): NodeBody {
    this.bodyOnDemand ??= new NodeBody(this)
    return this.bodyOnDemand
  }

  liftIdleTimeout(): () => void {
    const { socket } = this.message
    const timeoutMs = socket.timeout ?? 0
    socket.setTimeout(0)
    return () => void socket.setTimeout(timeoutMs)
  }

  send(reply: Reply): void {
    sendReply(this, reply)
  }

  abort(): void {
    abortReply(this)
  }
}

/** A target as path and query. A server must also take an absolute URL (RFC 9112, 3.2.2), whose path may be missing. */
export function originForm(target: string): string {
  return target.startsWith('/') ? target : target.replace(/^https?:\/\/[^/?#]*\/?/i, '/')
}
