import type { BodySink, Reply, StreamedBody } from '../../../exchange/index.ts'
import type { Handle } from '../../route.ts'
import type { PartReply } from '../../routing.ts'
import type { PartRequest } from './part-request.ts'

/** Answers with this node's own part, as another member would. Rejects as the handler does. */
export async function answerOwn(request: PartRequest, handle: Handle): Promise<PartReply> {
  const { status, headers, body } = await handle(request)
  return { status, headers: byName(headers), body: chunksOf(body) }
}

function byName(headers: readonly string[]): Map<string, string> {
  const found = new Map<string, string>()
  for (let at = 0; at < headers.length; at += 2) found.set((headers[at] ?? '').toLowerCase(), headers[at + 1] ?? '')
  return found
}

async function* chunksOf(body: Reply['body']): AsyncGenerator<Buffer, undefined> {
  if (body === undefined) return
  if (typeof body === 'string') yield Buffer.from(body)
  else if (body instanceof Uint8Array) yield body
  else yield* pulled(body)
}

/** A streamed body makes its next chunk once the one before is taken. */
async function* pulled(body: StreamedBody): AsyncGenerator<Buffer, undefined> {
  const sink = new PulledSink()
  body.open(sink)
  for (let chunk = await sink.next(); chunk !== undefined; chunk = await sink.next()) yield chunk
}

class PulledSink implements BodySink {
  private readonly chunks: Buffer[] = []
  private state: 'open' | 'whole' | 'broken' = 'open'
  private goOn: (() => void) | undefined = undefined
  private wake: (() => void) | undefined = undefined

  write(chunk: Buffer): boolean {
    this.chunks.push(chunk)
    this.wake?.()
    return false
  }

  onDrain(act: () => void): void {
    this.goOn = act
    this.wake?.()
  }

  end(): void {
    this.state = 'whole'
    this.wake?.()
  }

  abort(): void {
    this.state = 'broken'
    this.wake?.()
  }

  /** Rejects where the body breaks off. */
  async next(): Promise<Buffer | undefined> {
    for (;;) {
      const chunk = this.chunks.shift()
      if (chunk !== undefined) return chunk
      if (this.state === 'whole') return undefined
      if (this.state === 'broken') throw new Error('this node’s own part broke off')
      const { promise, resolve } = Promise.withResolvers<void>()
      this.wake = resolve
      const goOn = this.goOn
      this.goOn = undefined
      goOn?.()
      await promise
    }
  }
}
