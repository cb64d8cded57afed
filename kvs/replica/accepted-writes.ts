import type { Kv } from '../kv/index.ts'
import type { WriteQueue } from './append/write-queue.ts'
import { keysOf } from './decisions/asked-transaction.ts'
import type { ConditionalQueue } from './decisions/conditional-queue.ts'
import { firstRefusal, type RefusalOf } from './ring-hooks.ts'
import { refusalOf } from './state/permissions.ts'
import type { StateMachine } from './state/state-machine.ts'

/** The part of the store on writes: those that the node may take now go into a queue. */
export type AcceptedWrites = Pick<Kv, 'write' | 'writeIf' | 'transact'>

export interface AcceptedWritesParts {
  readonly machine: Pick<StateMachine, 'state'>
  readonly queue: Pick<WriteQueue, 'add'>
  readonly conditional: Pick<ConditionalQueue, 'add' | 'transact'>
  /** Undefined where the node is in no ring. */
  readonly unowned: RefusalOf | undefined
}

// Not async: a write costs one promise, the queue's.
export function makeAcceptedWrites({ machine, queue, conditional, unowned }: AcceptedWritesParts): AcceptedWrites {
  return {
    write(write) {
      const refusal = refusalOf(machine.state, 'plainWrites') ?? unowned?.(write.key)
      return refusal ? Promise.reject(refusal) : queue.add(write)
    },

    writeIf(conditionalWrite) {
      const refusal = refusalOf(machine.state, 'conditionalWrites') ?? unowned?.(conditionalWrite.write.key)
      return refusal ? Promise.reject(refusal) : conditional.add(conditionalWrite)
    },

    transact(transaction) {
      const refusal =
        refusalOf(machine.state, 'conditionalWrites') ?? (unowned && firstRefusal(unowned, keysOf(transaction)))
      return refusal ? Promise.reject(refusal) : conditional.transact(transaction)
    },
  }
}
