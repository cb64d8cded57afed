import type { Handle, Route } from '../route.ts'

/** Reads all that is measured, as it is now, in the form that its type names. */
export type ReadMetrics = () => Promise<{ readonly type: string; readonly text: string }>

/** /metrics answers whatever the state of the node. */
export function metricsRoute(read: ReadMetrics): Route {
  const get: Handle = async () => {
    const { type, text } = await read()
    const headers = [
      'Content-Type',
      type,
      'Content-Length',
      String(Buffer.byteLength(text)),
      'Cache-Control',
      'no-store',
    ]
    return { status: 200, headers, body: text }
  }
  return { methods: { GET: get, HEAD: get }, rights: { GET: 'admin', HEAD: 'admin' } }
}
