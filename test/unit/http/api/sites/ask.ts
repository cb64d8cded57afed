import { serve } from '../../serve.ts'

/** A server, and a client of its forms: fetch sends no body with GET. */
export async function serveForms(options: Parameters<typeof serve>[0] = {}) {
  const server = await serve(options)

  /** Status and JSON of the answer; headers are lines of HTTP. */
  async function ask(method: string, path: string, body?: string, headers = ''): Promise<[number, unknown]> {
    const length = body === undefined ? '' : `Content-Length: ${Buffer.byteLength(body)}\r\n`
    return parse(await server.request(method, path, `${length}${headers}`, body))
  }

  const put = (key: string, body: string) => ask('PUT', `/keyValue-store/${key}`, body)
  const get = (key: string, body?: string) => ask('GET', `/keyValue-store/${key}`, body)
  const search = (key: string, body?: string) => ask('GET', `/keyValue-store/search/${key}`, body)
  const remove = (key: string, body?: string) => ask('DELETE', `/keyValue-store/${key}`, body)
  return { ...server, ask, put, get, search, remove }
}

export function parse(answer: string): [number, unknown] {
  const [, status] = /^HTTP\/1.1 (\d+) /.exec(answer) ?? []
  const text = Buffer.from(answer.slice(answer.indexOf('\r\n\r\n') + 4), 'latin1').toString()
  return [Number(status), text === '' ? undefined : JSON.parse(text)]
}

export const refused = (status: number, msg: unknown) => [status, { result: 'Error', msg }]
