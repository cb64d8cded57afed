import { connect } from 'node:net'
import { onTestFinished } from 'vitest'
import { type Database, makeDatabase } from '../../support/database.ts'
import { makeDirectory, type Node, startReadyNode, toEnvironment } from '../../support/node.ts'
import { statusesOf } from './wire.ts'

export const get = (path: string) => `GET ${path} HTTP/1.1\r\nHost: localhost\r\n\r\n`

export async function start(settings: Record<string, string> = {}): Promise<{ node: Node; database: Database }> {
  const database = await makeDatabase()
  const node = await startReadyNode(makeDirectory(), { ...toEnvironment(database.target), ...settings })
  return { node, database }
}

/** A connection that does what it is told, and reads nothing until it is told to. */
export function open({ url }: Node) {
  const socket = connect({ port: Number(new URL(url).port), host: '127.0.0.1', allowHalfOpen: true }).pause()
  let text = ''
  socket.on('error', () => undefined).on('data', (data) => (text += data.toString('latin1')))
  onTestFinished(() => void socket.destroy())
  return {
    socket,
    statuses: () => statusesOf(text),
    text: () => text,
    isClosed: () => socket.readableEnded || socket.closed,
  }
}
