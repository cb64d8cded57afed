import { ServerResponse } from 'node:http'
import type { Socket } from 'node:net'
import type { NodeRequest } from './node-request.ts'

/**
 * Node's response, which tells its request when it is out. An event with a listener for each response would cost more.
 */
export class NodeResponse extends ServerResponse {
  request: NodeRequest | undefined = undefined

  /** Node calls this when the last byte is out. */
  override detachSocket(socket: Socket): void {
    super.detachSocket(socket)
    const { request } = this
    request?.complete?.(request)
  }
}
