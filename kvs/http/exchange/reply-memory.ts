import { KvsError } from '../../core/errors.ts'
import type { MemoryBudget } from '../../memory/index.ts'
import type { Reply } from './reply.ts'
import type { Request, Resource } from './request.ts'

/** Smaller replies do not count: Node bounds the bytes of those that wait on one connection. */
const leastBytes = 16 * 1024

/**
 * Counts a reply with a value in the memory budget until the client has taken it or its connection is gone. Slow
 * readers so meet backpressure as an error: they cannot fill the memory. A value that goes to many clients at a time is
 * in memory once.
 * @throws KvsError overloaded
 */
export type HoldReply = (request: Request, reply: Reply, value: Buffer) => void

export function makeReplyHold(budget: MemoryBudget): HoldReply {
  /** How many replies hold each value. */
  const holders = new Map<Buffer, number>()

  function release(value: Buffer, own: number): void {
    const left = (holders.get(value) ?? 0) - 1
    if (left > 0) holders.set(value, left)
    else holders.delete(value)
    budget.give('answers', left > 0 ? own : own + value.length)
  }

  return (request, { body }, value) => {
    const text = typeof body === 'string' ? body : undefined
    const sent = text === undefined ? value.length : Buffer.byteLength(text)
    if (sent < leastBytes || request.isOver) return
    // A text is in memory as a string and encoded; over TLS, what waits for the client is there encrypted as well.
    const encrypted = request.isEncrypted ? sent : 0
    const own = text === undefined ? encrypted : sizeInMemory(text, sent) + sent + encrypted
    const others = holders.get(value) ?? 0
    const bytes = others > 0 ? own : own + value.length
    if (bytes > 0 && !budget.take('answers', bytes)) {
      throw tooManyAnswers()
    }
    holders.set(value, others + 1)
    request.resource = { release: () => release(value, own) }
  }
}

/** Counts what a request keeps in memory for its reply, until it is over. */
export type HoldBytes = (request: Request) => HeldBytes

export function makeBytesHold(budget: MemoryBudget): HoldBytes {
  return (request) => {
    const held = new HeldBytes(budget, request)
    request.resource = held
    return held
  }
}

/** Bytes that one request holds in the memory budget. */
export class HeldBytes implements Resource {
  private readonly budget: MemoryBudget
  private readonly request: Request
  private bytes = 0

  constructor(budget: MemoryBudget, request: Request) {
    this.budget = budget
    this.request = request
  }

  /**
   * Does nothing where the request is over.
   * @throws KvsError overloaded
   */
  add(bytes: number): void {
    if (this.request.isOver) return
    if (!this.budget.take('answers', bytes, this.bytes + bytes)) throw tooManyAnswers()
    this.bytes += bytes
  }

  release(): void {
    this.budget.give('answers', this.bytes)
    this.bytes = 0
  }
}

const tooManyAnswers = () =>
  new KvsError('overloaded', 'too many answers wait for their clients to take them; nothing was done')

/** V8 keeps a character in one byte, or each in two where one of them is beyond Latin-1. */
function sizeInMemory(text: string, bytesInUtf8: number): number {
  const isLatin1 = text.length === bytesInUtf8 || !/[\u0100-\uffff]/.test(text)
  return isLatin1 ? text.length : 2 * text.length
}
