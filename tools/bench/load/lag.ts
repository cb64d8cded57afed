import { Agent, request } from 'node:http'
import { setTimeout as sleep } from 'node:timers/promises'

type Port = { readonly port: number }

/**
 * How long it takes from the answer to a PUT on one node until another node shows the value, in milliseconds, to the
 * time of one GET: the other node is asked again and again. A quiet system: one PUT every ten milliseconds or so.
 */
export async function measureLag(writer: Port, reader: Port, samples: number, signal: AbortSignal): Promise<number[]> {
  const agent = new Agent({ keepAlive: true })
  const lags: number[] = []
  try {
    for (let n = 0; n < samples; n++) {
      signal.throwIfAborted()
      const value = `${n} ${Math.random()}`
      await call(agent, writer, 'PUT', '/v1/lag', value)
      const since = performance.now()
      while ((await call(agent, reader, 'GET', '/v1/lag')) !== value) signal.throwIfAborted()
      lags.push(performance.now() - since)
      await sleep(5 + Math.random() * 10)
    }
  } finally {
    agent.destroy()
  }
  return lags
}

/** Measures the same for entries that come without a notification, so that a node finds them only by asking. */
export async function measurePollingLag(
  append: (value: string) => Promise<unknown>,
  reader: Port,
  samples: number,
  signal: AbortSignal,
): Promise<number[]> {
  const agent = new Agent({ keepAlive: true })
  const lags: number[] = []
  try {
    for (let n = 0; n < samples; n++) {
      await sleep(Math.random() * 1_000, undefined, { signal })
      const value = `${n} ${Math.random()}`
      await append(value)
      const since = performance.now()
      while ((await call(agent, reader, 'GET', '/v1/lag')) !== value) signal.throwIfAborted()
      lags.push(performance.now() - since)
    }
  } finally {
    agent.destroy()
  }
  return lags
}

function call(agent: Agent, { port }: Port, method: string, path: string, body?: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const sent = request({ host: '127.0.0.1', port, method, path, agent }, (answer) => {
      let text = ''
      answer.setEncoding('utf8')
      answer.on('data', (chunk) => (text += chunk))
      answer.on('error', reject)
      answer.on('end', () => resolve(text))
    })
    sent.on('error', reject)
    sent.end(body)
  })
}
