import { connect } from 'node:net'
import { onTestFinished } from 'vitest'

export interface Uploads {
  /** How many answers there were of each status. */
  readonly statuses: ReadonlyMap<number, number>
  /** The ids of the values whose PUT was answered with 201 or 202: what each begins with. */
  readonly acknowledged: readonly string[]
  /** No more is sent; settles when all that was sent is answered. */
  stop(): Promise<void>
}

export const idLength = 16

/**
 * Clients that put one value after the other, each with an id of its own, to a few keys, over a connection each that
 * they make anew where it is closed. They take next to no memory: all send the same bytes behind the id.
 */
export function upload({ url }: { readonly url: string }, clients: number, bytes: number): Uploads {
  const rest = Buffer.alloc(bytes - idLength, 'x')
  const statuses = new Map<number, number>()
  const acknowledged: string[] = []
  let sent = 0
  let isStopped = false

  function put(key: string): Promise<void> {
    return new Promise((resolve) => {
      const socket = connect(Number(new URL(url).port), '127.0.0.1')
      let answer = ''
      let id = ''

      function next(): void {
        answer = ''
        id = String(sent++).padStart(idLength, '0')
        socket.write(`PUT /v1/${key} HTTP/1.1\r\nHost: localhost\r\nContent-Length: ${bytes}\r\n\r\n${id}`)
        socket.write(rest)
      }

      socket.on('connect', next).on('data', (data) => {
        answer += data.toString('latin1')
        if (!answer.includes('\r\n\r\n')) return
        const status = Number(answer.slice(9, 12))
        statuses.set(status, (statuses.get(status) ?? 0) + 1)
        if (status === 201 || status === 202) acknowledged.push(id)
        if (isStopped || /^Connection: close/im.test(answer)) socket.destroy()
        else next()
      })
      socket.on('error', () => undefined).on('close', () => resolve())
    })
  }

  async function run(key: string): Promise<void> {
    while (!isStopped) await put(key)
  }

  const all = Array.from({ length: clients }, (_, client) => run(`key-${client % 8}`))
  const stop = async () => {
    isStopped = true
    await Promise.all(all)
  }
  onTestFinished(stop)
  return { statuses, acknowledged, stop }
}
