import { Readable } from 'node:stream'
import { Broken, type Request } from '../http/exchange/index.ts'

/**
 * The body of a request as a stream of its own: to destroy it leaves the client's connection as it is, for the reply.
 * The first read, when there is a connection to send it on, tells a client to go on that waits for that. The stream
 * fails with `Broken` where the upload breaks off, so that what goes on is never a shorter body.
 */
export function openUpload({ body }: Request): Readable {
  let hasBegun = false

  function begin(): void {
    hasBegun = true
    body.read({
      onChunk(chunk) {
        if (!upload.push(chunk)) body.pause()
      },
      onEnd: () => void upload.push(null),
      onBreak: () => void upload.destroy(new Broken('the upload broke off')),
    })
  }

  const upload = new Readable({
    read() {
      if (!hasBegun) begin()
      body.resume()
    },
    destroy(error, callback) {
      if (hasBegun) body.stop()
      callback(error)
    },
  })
  // Whoever reads it listens for errors too, but not for as long as it can break off.
  return upload.on('error', () => undefined)
}
