import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { onTestFinished } from 'vitest'
import { feedType } from '../../../kvs/kv/index.ts'
import type { Frame } from '../../../kvs/sites/frames/frame.ts'
import { makeFrameWriter } from '../../../kvs/sites/frames/frame-writer.ts'

export type Answer = (response: ServerResponse, request: IncomingMessage) => void

/** A server in the place of another site's node, which answers as a test says. */
export async function startHostilePeer() {
  let answer: Answer = (response) => response.destroy()
  let requests = 0
  const server = createServer((request, response) => {
    requests++
    response.on('error', () => undefined)
    answer(response, request)
  })
  server.listen(0, '127.0.0.1')
  await new Promise((resolve) => server.once('listening', resolve))
  onTestFinished(() => {
    server.closeAllConnections()
    server.close()
  })
  const { port } = server.address() as AddressInfo
  return {
    address: `127.0.0.1:${port}`,
    get requests() {
      return requests
    },
    /** Ends what goes on, and answers like this from now on. */
    set(next: Answer) {
      answer = next
      server.closeAllConnections()
    },
  }
}

export function bytesOf(...frames: Frame[]): Buffer {
  const writer = makeFrameWriter()
  for (const frame of frames) writer.write(frame)
  return Buffer.concat(writer.take())
}

/** A feed that sends these bytes, and stays open. */
export const feedOf =
  (...parts: Buffer[]): Answer =>
  (response) => {
    response.writeHead(200, { 'Content-Type': feedType })
    for (const part of parts) response.write(part)
  }

export const hello: Frame = { type: 'hello', logId: 'evil', after: 0n }

export function entryAt(sequence: number, key: string, options: { logId?: string; stamp?: number } = {}): Frame {
  const { logId = 'evil', stamp = sequence } = options
  const write = { kind: 'put' as const, key, value: Buffer.from('x'), contentType: undefined, deadline: undefined }
  const origin = { logId, sequence: BigInt(sequence) }
  return { type: 'entry', sequence: BigInt(sequence), origin, stamp, superseded: false, write }
}

export function reachedAt(sequence: number): Frame {
  const position = { sequences: new Map([['evil', BigInt(sequence)]]), stamp: 0 }
  return { type: 'reached', sequence: BigInt(sequence), head: BigInt(sequence), position, time: 0 }
}
