import { Agent, request } from 'node:http'
import { setTimeout as sleep } from 'node:timers/promises'

type Port = { readonly port: number }

/**
 * How long it takes from the answer to a PUT at one site until a read at another one has the value, in milliseconds,
 * the time of that GET included. The GET has the PUT's position, so that it is answered when the other site's view is
 * there. One PUT at a time, every ten milliseconds or so, until `isOver`.
 */
export async function measureSiteLag(writer: Port, reader: Port, isOver: () => boolean): Promise<number[]> {
  const agent = new Agent({ keepAlive: true })
  const lags: number[] = []
  try {
    for (let n = 0; !isOver(); n++) {
      const value = `${n} ${Math.random()}`
      const { position } = await call(agent, writer, { method: 'PUT', body: value })
      const since = performance.now()
      await untilRead(agent, reader, { value, position })
      lags.push(performance.now() - since)
      await sleep(5 + Math.random() * 10)
    }
  } finally {
    agent.destroy()
  }
  return lags
}

/** Asks again where the other site did not have it in time. */
async function untilRead(agent: Agent, reader: Port, { value, position }: { value: string; position: string }) {
  for (;;) {
    const { status, text } = await call(agent, reader, { method: 'GET', headers: { 'kvs-min-position': position } })
    if (status === 200 && text === value) return
    if (status !== 503) throw new Error(`a site that has ${position} answers ${status}: ${text}`)
  }
}

interface Asked {
  readonly method: 'GET' | 'PUT'
  readonly headers?: Readonly<Record<string, string>>
  readonly body?: string
}

interface Answered {
  readonly status: number
  readonly text: string
  readonly position: string
}

function call(agent: Agent, { port }: Port, { method, headers = {}, body }: Asked): Promise<Answered> {
  return new Promise((resolve, reject) => {
    const sent = request({ host: '127.0.0.1', port, method, path: '/v1/lag', agent, headers }, (answer) => {
      let text = ''
      answer.setEncoding('utf8')
      answer.on('data', (chunk) => (text += chunk))
      answer.on('error', reject)
      answer.on('end', () => {
        resolve({ status: answer.statusCode ?? 0, text, position: String(answer.headers['kvs-position']) })
      })
    })
    sent.on('error', reject)
    sent.end(body)
  })
}
