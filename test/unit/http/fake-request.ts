import { Readable } from 'node:stream'
import type { Reply } from '../../../kvs/http/exchange/reply.ts'
import type { BodyReader, Exchange, RequestBody } from '../../../kvs/http/exchange/request.ts'
import { beginTelemetry } from '../../../kvs/http/exchange/telemetry.ts'
import { systemClock } from '../../../kvs/lib/clock.ts'
import { systemRandom } from '../../../kvs/lib/random.ts'

export interface FakeRequest extends Exchange {
  /** What was sent back. */
  readonly replies: Reply[]
}

/** A request that came by no wire, for tests of handlers alone. */
export function makeRequest(method: string, target: string, headers: string[] = [], body?: string): FakeRequest {
  const [path = '', query = ''] = target.split('?')
  const replies: Reply[] = []
  const framing = body === undefined ? [] : ['Content-Length', String(Buffer.byteLength(body))]
  return {
    ...{ method, target, path, query, version: '1.1', headers: ['Host', 'x', ...framing, ...headers] },
    ...{ connection: {}, isEncrypted: false, isUploading: false, isOver: false },
    body: makeBody(body ?? ''),
    telemetry: beginTelemetry(systemClock.now()),
    ...{ clock: systemClock, random: systemRandom, caller: undefined, resource: undefined },
    ...{ isReplying: false, replies, abort: () => undefined, liftIdleTimeout: () => () => undefined },
    send: (reply) => void replies.push(reply),
  }
}

function makeBody(text: string): RequestBody {
  let reader: BodyReader | undefined
  return {
    isComplete: true,
    read(given) {
      reader = given
      const bytes = text === '' ? [] : [Buffer.from(text)]
      Readable.from(bytes)
        .on('data', (chunk: Buffer) => reader?.onChunk(chunk))
        .on('end', () => reader?.onEnd())
    },
    stop() {
      reader = undefined
    },
    pause: () => undefined,
    resume: () => undefined,
  }
}

/** Value of a header of a reply. */
export function headerIn({ headers }: Reply, name: string): string | undefined {
  const at = headers.findIndex((header, index) => index % 2 === 0 && header.toLowerCase() === name.toLowerCase())
  return at < 0 ? undefined : headers[at + 1]
}
