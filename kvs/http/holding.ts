import type { TLSSocket } from 'node:tls'
import { KvsError } from '../errors.ts'
import type { MemoryBudget } from '../memory-budget.ts'
import type { Answer } from './answer.ts'

/** Smaller answers are not counted: of those that wait on a connection, Node bounds the bytes. */
const leastBytes = 16 * 1024

/**
 * Counts what an answer is to carry in the budget, until it is out or its connection is gone.
 * @throws KvsError overloaded
 */
export type HoldAnswer = (response: Answer, bytes: number) => void

export function makeHoldAnswer(budget: MemoryBudget): HoldAnswer {
  return (response, bytes) => {
    const { about, req } = response
    if (bytes < leastBytes || about.onOver === undefined) return
    // What the client does not take is there encrypted as well.
    const held = (req.socket as Partial<TLSSocket>).encrypted ? 2 * bytes : bytes
    if (!budget.take('answers', held)) {
      throw new KvsError('overloaded', 'too many answers wait for their clients to take them; nothing was done')
    }
    about.release = () => budget.give('answers', held)
  }
}
