import { KvsError } from '../../../../core/errors.ts'
import { Broken, type Request } from '../../../exchange/index.ts'
import type { Handle } from '../../route.ts'
import type { Part, PartReply } from '../../routing.ts'
import { answerOwn } from './own-part.ts'
import { brokeOff, failureOf } from './part-failure.ts'
import { PartRequest } from './part-request.ts'

export interface PartQuestion {
  readonly method: string
  readonly accept: string
  /** Answers with this node's own part. */
  readonly own: Handle
}

/** A part that was asked for. Close it, or the member goes on with it. */
export class AskedPart {
  readonly address: string
  readonly request: PartRequest
  /**
   * The member's answer, whatever its status is. Rejects with the KvsError that the client is to have, and with
   * `Broken` where nobody wants it any more.
   */
  readonly answer: Promise<PartReply>
  private chunks: AsyncIterator<Buffer> | undefined = undefined
  private hasBegun = false

  constructor(part: Part, whole: Request, { method, accept, own }: PartQuestion) {
    this.address = part.address
    this.request = new PartRequest(whole, { method, accept, isOwn: part.isOwn })
    this.answer = this.ask(part, own)
  }

  /** The answer where its status is 2xx; rejects with the error that it is otherwise, and as `answer` does. */
  async success(): Promise<PartReply> {
    const reply = await this.answer
    if (reply.status >= 200 && reply.status < 300) return reply
    throw await this.failure(reply)
  }

  /** The error that the answer is. */
  async failure(reply: PartReply): Promise<KvsError> {
    try {
      return await failureOf(this.address, { ...reply, body: { [Symbol.asyncIterator]: () => this.body(reply) } })
    } catch (error) {
      return brokeOff(this.address, error)
    }
  }

  /** The body of the answer, each chunk when it is asked for. Nobody else reads it. */
  body(reply: PartReply): AsyncIterator<Buffer> {
    const chunks = this.chunks ?? reply.body[Symbol.asyncIterator]()
    this.chunks = chunks
    return {
      next: () => {
        this.hasBegun = true
        return chunks.next()
      },
      return: async (value) => {
        this.close()
        return { done: true, value }
      },
    }
  }

  /** Lets go of the answer, whether it has come or not. Does nothing more when called again. */
  close(): void {
    if (this.request.isClosed) return
    this.request.end()
    this.answer.then(
      (reply) => this.endBody(reply),
      () => undefined,
    )
  }

  private async ask(part: Part, own: Handle): Promise<PartReply> {
    try {
      return await (part.isOwn ? answerOwn(this.request, own) : part.ask(this.request))
    } catch (error) {
      if (this.request.isOver) throw new Broken('nobody waits for this part any more')
      if (part.isOwn || error instanceof KvsError) throw error
      throw new KvsError('cannot_forward', `the member ${part.address} gives no answer`, { cause: error })
    }
  }

  private endBody(reply: PartReply): void {
    const chunks = this.chunks ?? reply.body[Symbol.asyncIterator]()
    // A generator that has not begun would end without letting go of what it reads from.
    if (!this.hasBegun) void chunks.next().catch(() => undefined)
    chunks.return?.().catch(() => undefined)
  }
}
