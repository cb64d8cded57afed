import { Agent, request } from 'node:http'

const quote = '"'.charCodeAt(0)

/** A list as its client sees it. */
export interface ListSeen {
  readonly milliseconds: number
  readonly bytes: number
  /** Strings in the answer, which has no quote within one. */
  readonly keys: number
}

/**
 * Asks for a list and reads it to its end.
 * @param path such as `/v1/:?limit=1000`
 */
export function readList(agent: Agent, port: number, path: string): Promise<ListSeen> {
  return new Promise((resolve, reject) => {
    const since = performance.now()
    const sent = request({ host: '127.0.0.1', port, path, agent }, (answer) => {
      let [bytes, quotes] = [0, 0]
      answer.on('data', (chunk: Buffer) => {
        bytes += chunk.length
        for (let at = chunk.indexOf(quote); at >= 0; at = chunk.indexOf(quote, at + 1)) quotes++
      })
      answer.on('error', reject)
      answer.on('end', () => {
        if (answer.statusCode !== 200) return reject(new Error(`${path}: ${answer.statusCode}`))
        resolve({ milliseconds: performance.now() - since, bytes, keys: quotes / 2 })
      })
    })
    sent.on('error', reject)
    sent.end()
  })
}

export function makeListAgent(): Agent {
  return new Agent({ keepAlive: true })
}
