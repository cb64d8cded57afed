import { TLSSocket } from 'node:tls'
import type { NodeRequest } from './node-request.ts'
import type { NodeResponse } from './node-response.ts'
import { type BodySink, isStreamed, type Reply, type StreamedBody } from './reply.ts'

/**
 * Node sends a string in one piece with the headers, and a Buffer in a piece of its own: small values go as strings.
 */
const maxBytesAsText = 16 * 1024

/** Sends a reply by node:http. Throws where its headers are not valid. */
export function sendReply(request: NodeRequest, { status, reason, headers, body }: Reply): void {
  const { response, telemetry } = request
  if (reason === undefined) response.writeHead(status, headers)
  else response.writeHead(status, reason, headers)
  telemetry.status = status
  if (isStreamed(body)) return void stream(request, body)
  if (body === undefined || request.method === 'HEAD') response.end()
  else if (typeof body === 'string') response.end(body)
  else if (body.length < maxBytesAsText) response.end(body.toString('latin1'), 'latin1')
  else response.end(body)
  noteTaken(request)
}

/** Ends the connection in the middle of a reply. */
export function abortReply({ message: { socket } }: NodeRequest): void {
  // Node throws where a TLS connection is to be reset. A destroyed one sends no close_notify, and the reply lacks its
  // end.
  if (socket instanceof TLSSocket) socket.destroy()
  else socket.resetAndDestroy()
}

/** Where the operating system took all of a reply at once, its memory is free before Node says that it is out. */
function noteTaken(request: NodeRequest): void {
  const { resource, response } = request
  if (resource === undefined || response.socket === null || response.socket.writableLength > 0) return
  request.resource = undefined
  resource.release()
}

function stream(request: NodeRequest, body: StreamedBody): void {
  const { response } = request
  const sink = new NodeSink(request)
  body.open(sink)
  // The headers go ahead of a body that does not come with them.
  process.nextTick(() => sink.hasBegun || response.writableEnded || response.flushHeaders())
}

class NodeSink implements BodySink {
  hasBegun = false
  private readonly request: NodeRequest
  private readonly response: NodeResponse

  constructor(request: NodeRequest) {
    this.request = request
    this.response = request.response
  }

  write(chunk: Buffer): boolean {
    this.hasBegun = true
    return this.response.write(chunk)
  }

  onDrain(act: () => void): void {
    this.response.once('drain', act)
  }

  end(): void {
    this.response.end()
  }

  abort(): void {
    abortReply(this.request)
  }
}
