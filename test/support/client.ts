import { Agent, request } from 'node:http'
import { onTestFinished } from 'vitest'
import { sequenceIn } from './tags.ts'

export interface Answer {
  readonly status: number
  readonly headers: Readonly<Record<string, string | undefined>>
  readonly body: string
}

export interface Call {
  readonly method?: string
  readonly path: string
  readonly headers?: Record<string, string>
  readonly body?: string
}

export type Client = (url: string, call: Call) => Promise<Answer>

/** Sends many requests, over connections that it keeps: several times as fast as `fetch`. */
export function makeClient(): Client {
  const agent = new Agent({ keepAlive: true, maxSockets: Infinity })
  onTestFinished(() => agent.destroy())
  return (url, { method = 'GET', path, headers = {}, body }) =>
    new Promise((resolve, reject) => {
      const sent = request(`${url}${path}`, { method, headers, agent }, (answer) => {
        let text = ''
        answer.setEncoding('utf8')
        answer.on('data', (chunk) => (text += chunk))
        answer.on('error', reject)
        answer.on('end', () => {
          const { statusCode: status = 0, headers } = answer
          resolve({ status, headers: headers as Answer['headers'], body: text })
        })
      })
      sent.on('error', reject)
      sent.end(body)
    })
}

/** Of an answer's KVS-Position. */
export function positionOf({ headers }: Answer): bigint {
  return BigInt(headers['kvs-position']?.split('=')[1] ?? 0)
}

/** Of an answer's ETag, the sequence. */
export function tagOf({ headers }: Answer): bigint | undefined {
  return sequenceIn(headers.etag)
}
