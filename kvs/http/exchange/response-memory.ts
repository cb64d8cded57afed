import type { TLSSocket } from 'node:tls'
import { KvsError } from '../../core/errors.ts'
import type { MemoryBudget } from '../../memory/index.ts'
import type { Answer } from './response.ts'

/** Smaller answers are not counted: of those that wait on one connection, Node bounds the bytes. */
const leastBytes = 16 * 1024

/**
 * Counts a value in the budget that an answer carries, until the answer is out or its connection is gone. One value that many
 * clients are sent at a time is in memory once.
 * @param shown the text that the answer has for itself, where it does not carry the value as it is
 * @throws KvsError overloaded
 */
export type HoldAnswer = (response: Answer, value: Buffer, shown?: Shown) => void

/** The text of an answer, and how many bytes it has in UTF-8. */
export interface Shown {
  readonly text: string
  readonly bytes: number
}

/** In memory: V8 keeps a character in one byte, or in two each where one of them is beyond Latin-1. */
function sizeOf({ text, bytes }: Shown): number {
  const isLatin1 = text.length === bytes || !/[\u0100-\uffff]/.test(text)
  return isLatin1 ? text.length : 2 * text.length
}

/** After the end of an answer: where the operating system has taken all of it at once, it waits for nobody. */
export function releaseIfOut({ socket, about }: Answer): void {
  if (about.release === undefined || socket === null || socket.writableLength > 0) return
  about.release()
  about.release = undefined
}

export function makeHoldAnswer(budget: MemoryBudget): HoldAnswer {
  /** How many answers carry a value. */
  const carriers = new Map<Buffer, number>()

  return (response, value, shown) => {
    const { about, req } = response
    const { length } = value
    // Where its end will not be told, its connection is gone already.
    const sent = shown?.bytes ?? length
    if (sent < leastBytes || about.onOver === undefined) return
    // A text is there as a string and encoded; over TLS, what a client does not take waits encrypted besides.
    const encrypted = (req.socket as Partial<TLSSocket>).encrypted ? sent : 0
    const own = shown === undefined ? encrypted : sizeOf(shown) + sent + encrypted
    const others = carriers.get(value) ?? 0
    const bytes = others > 0 ? own : own + length
    if (bytes > 0 && !budget.take('answers', bytes)) {
      throw new KvsError('overloaded', 'too many answers wait for their clients to take them; nothing was done')
    }
    carriers.set(value, others + 1)
    about.release = () => {
      const left = (carriers.get(value) ?? 0) - 1
      if (left > 0) carriers.set(value, left)
      else carriers.delete(value)
      budget.give('answers', left > 0 ? own : own + length)
    }
  }
}
