import { type Handle, type Methods, rights } from './dispatcher.ts'

/** All that is measured, as it is now, in the form that its type names. */
export type ReadMetrics = () => Promise<{ readonly type: string; readonly text: string }>

/** /metrics answers whatever the state of the node. */
export function metricsRoute(read: ReadMetrics): Methods {
  const get: Handle = async ({ method }, response) => {
    const { type, text } = await read()
    response.writeHead(200, [
      'Content-Type',
      type,
      'Content-Length',
      String(Buffer.byteLength(text)),
      'Cache-Control',
      'no-store',
    ])
    response.end(method === 'HEAD' ? undefined : text)
  }
  return { GET: get, HEAD: get, [rights]: { GET: 'admin', HEAD: 'admin' } }
}
