import type { IncomingMessage, ServerResponse } from 'node:http'
import { Readable } from 'node:stream'
import { awaitsContinue, Broken } from '../http/exchange/index.ts'

/**
 * The body of a request as a stream of its own: to destroy it leaves the client's connection as it is, for the answer.
 * The client is asked for it, where it waits to be, with the first read: when there is a connection to send it on. Ends
 * with `Broken` where the upload breaks off, so that what is sent on is never a shorter body.
 */
export function openUpload(request: IncomingMessage, response: ServerResponse): Readable {
  let isBegun = false
  const take = (chunk: Buffer) => {
    if (!upload.push(chunk)) request.pause()
  }
  const end = () => upload.push(null)
  const breakOff = () => {
    if (!request.complete) upload.destroy(new Broken('the upload broke off'))
  }

  function begin(): void {
    isBegun = true
    if (awaitsContinue(request)) response.writeContinue()
    request.on('data', take).on('end', end).on('close', breakOff)
    if (request.destroyed) breakOff()
  }

  const upload = new Readable({
    read() {
      if (!isBegun) begin()
      request.resume()
    },
    destroy(error, callback) {
      request.off('data', take).off('end', end).off('close', breakOff)
      callback(error)
    },
  })
  // Whoever reads it listens too, but not for as long as it can break off.
  return upload.on('error', () => undefined)
}
