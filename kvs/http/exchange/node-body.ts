import { awaitsContinue } from './headers.ts'
import type { NodeRequest } from './node-request.ts'
import type { BodyReader, RequestBody } from './request.ts'

/** The body of a request that came by node:http. */
export class NodeBody implements RequestBody {
  private readonly request: NodeRequest
  private reader: BodyReader | undefined = undefined

  constructor(request: NodeRequest) {
    this.request = request
  }

  get isComplete(): boolean {
    return this.request.message.complete
  }

  read(reader: BodyReader): void {
    const { message, response } = this.request
    if (message.destroyed) return void reader.onBreak()
    this.reader = reader
    if (awaitsContinue(this.request)) response.writeContinue()
    message.on('data', (chunk: Buffer) => this.reader?.onChunk(chunk))
    message.on('end', () => this.finish()?.onEnd())
    message.on('close', () => this.finish()?.onBreak())
  }

  stop(): void {
    this.reader = undefined
    this.request.message.removeAllListeners('data')
  }

  pause(): void {
    this.request.message.pause()
  }

  resume(): void {
    this.request.message.resume()
  }

  /** Node closes a message after its end as well. */
  private finish(): BodyReader | undefined {
    const { reader } = this
    this.reader = undefined
    return reader
  }
}
