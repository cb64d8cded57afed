import { Agent, request } from 'node:http'

/** A list as its client sees it. */
export interface ListSeen {
  readonly milliseconds: number
  readonly bytes: number
  /** Keys in the answer, which is a JSON array of strings; 0 for other answers. */
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
      const chunks: Buffer[] = []
      answer.on('data', (chunk: Buffer) => chunks.push(chunk))
      answer.on('error', reject)
      answer.on('end', () => {
        const milliseconds = performance.now() - since
        const text = Buffer.concat(chunks).toString()
        if (answer.statusCode !== 200) return reject(new Error(`${path}: ${answer.statusCode} ${text.slice(0, 200)}`))
        const parsed: unknown = JSON.parse(text)
        resolve({ milliseconds, bytes: Buffer.byteLength(text), keys: Array.isArray(parsed) ? parsed.length : 0 })
      })
    })
    sent.on('error', reject)
    sent.end()
  })
}

export function makeListAgent(): Agent {
  return new Agent({ keepAlive: true })
}
