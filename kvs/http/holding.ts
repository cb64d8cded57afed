import type { TLSSocket } from 'node:tls'
import { KvsError } from '../errors.ts'
import type { MemoryBudget } from '../memory-budget.ts'
import type { Answer } from './answer.ts'

/** Smaller answers are not counted: of those that wait on one connection, Node bounds the bytes. */
const leastBytes = 16 * 1024

/**
 * Counts a value in the budget that an answer carries, until the answer is out or its connection is gone. One value that many
 * clients are sent at a time is in memory once.
 * @param copies of the value that the answer has for itself
 * @throws KvsError overloaded
 */
export type HoldAnswer = (response: Answer, value: Buffer, copies?: number) => void

/** After the end of an answer: where the operating system has taken all of it at once, it waits for nobody. */
export function releaseIfOut({ socket, about }: Answer): void {
  if (about.release === undefined || socket === null || socket.writableLength > 0) return
  about.release()
  about.release = undefined
}

export function makeHoldAnswer(budget: MemoryBudget): HoldAnswer {
  /** How many answers carry a value. */
  const carriers = new Map<Buffer, number>()

  return (response, value, copies = 0) => {
    const { about, req } = response
    const { length } = value
    // Where its end will not be told, its connection is gone already.
    if (length < leastBytes || about.onOver === undefined) return
    // What a client does not take waits encrypted.
    const own = length * ((req.socket as Partial<TLSSocket>).encrypted ? copies + 1 : copies)
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
