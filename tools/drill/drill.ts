import type { NodeStatus } from '../lab/readiness.ts'
import type { SeededRandom } from '../lab/seeded-random.ts'
import type { History } from './history.ts'
import type { NodeName, Stack, StackOptions } from './stack/stack.ts'
import type { Workload } from './workload/clients.ts'

/** A scripted fault; the runner brings stack and workload, and has the checker judge what the clients saw. */
export interface Drill {
  readonly name: string
  /** What is done, in one sentence. */
  readonly sentence: string
  /** Cannot be done to mere processes. */
  readonly needsContainers?: true
  readonly stack?: StackOptions
  /** Before the clients start. */
  prepare?(context: Context): Promise<void>
  /** One fault, put on and taken back; called again and again until the time is over. */
  fault(context: Context): Promise<void>
  /** What must be so besides, of all that was seen: a sentence for each thing that is not. */
  expects?(history: History): string[]
}

/** What a drill's script works with. Everything that waits rejects when the drill is aborted. */
export interface Context {
  readonly stack: Stack
  readonly workload: Pick<Workload, 'preload' | 'acknowledged' | 'keys'>
  readonly random: SeededRandom
  readonly signal: AbortSignal
  /** Of the faulty phase, in seconds; 0 when it is over. */
  left(): number
  /** For a random time between these two, in seconds. */
  pause(from: number, to: number): Promise<void>
  /** Records a fault that lasts as long as the body runs. */
  lasting<T>(name: string, body: () => Promise<T>): Promise<T>
  /** Records a fault without a duration. */
  moment(name: string): void
  /** The state of a node, the first unless another is named, where it becomes that within the bound; else it is undefined, and nothing has happened. */
  becomes(
    wanted: (status: NodeStatus) => boolean,
    boundSeconds: number,
    node?: NodeName,
  ): Promise<NodeStatus | undefined>
  /** Something that must not be; the drill fails, and goes on. */
  violation(sentence: string): void
  /** Something worth telling below the table. */
  note(sentence: string): void
}

export const isServing = ({ state }: NodeStatus) => state === 'serving'
