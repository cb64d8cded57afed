import type { Reply } from '../../exchange/index.ts'

/** An answer of a line of text, which has no line break at its end: clients compare it as it is. */
export function textReply(text: string, headers: readonly string[] = [], status = 200): Reply {
  return {
    status,
    headers: [
      'Content-Type',
      'text/plain; charset=utf-8',
      'Content-Length',
      String(Buffer.byteLength(text)),
      'Cache-Control',
      'no-store',
      ...headers,
    ],
    body: text,
  }
}

export const done = () => textReply('OK')
