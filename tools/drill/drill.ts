import type { NodeStatus } from '../lab/readiness.ts'
import type { History } from './history.ts'
import type { Script } from './script.ts'
import type { NodeName, Stack, StackOptions } from './stack/stack.ts'
import type { Workload } from './workload/clients.ts'

/** A scripted fault; the runner brings stack and workload, and has the checker judge what the clients saw. */
export interface Drill {
  readonly name: string
  /** What the drill does, in one sentence. */
  readonly sentence: string
  /** Set if processes alone do not suffice. */
  readonly needsContainers?: true
  readonly stack?: StackOptions
  /** How many clients transfer between how many accounts, beside the others; none by default. */
  readonly transfers?: { readonly clients: number; readonly accounts: number }
  /** Runs before the clients start. */
  prepare?(context: Context): Promise<void>
  /** Injects one fault and takes it back; called again and again until the time is over. */
  fault(context: Context): Promise<void>
  /** Checks the history for what this drill expects besides; returns a sentence for each violation. */
  expects?(history: History): string[]
}

/** What a drill's script works with. */
export interface Context extends Script {
  readonly stack: Stack
  readonly workload: Pick<Workload, 'preload' | 'acknowledged' | 'keys'>
  /**
   * The state of a node, the first unless another is named, where it becomes that within the bound; else it is
   * undefined, and nothing has happened.
   */
  becomes(
    wanted: (status: NodeStatus) => boolean,
    boundSeconds: number,
    node?: NodeName,
  ): Promise<NodeStatus | undefined>
}

export const isServing = ({ state }: NodeStatus) => state === 'serving'
