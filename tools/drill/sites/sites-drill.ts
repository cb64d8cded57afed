import type { SeededRandom } from '../../lab/seeded-random.ts'
import type { SentOperation } from '../../sites-checker/operation.ts'
import type { Script } from '../script.ts'
import type { SitesShape } from './site-names.ts'
import type { SitesStack } from './sites-stack.ts'
import type { SitesWorkload } from './sites-workload.ts'

/** A scripted fault of several sites; the runner brings stack and workload, and has all held against the logs. */
export interface SitesDrill {
  readonly name: string
  /** What the drill does, in one sentence. */
  readonly sentence: string
  readonly needsContainers: true
  readonly shape: SitesShape
  /** Share of the puts whose keys end by themselves; none by default. */
  readonly lifetimes?: number
  /** Injects one fault and takes it back; called again and again until the time is over. */
  fault(context: SitesContext): Promise<void>
  /** Checks what clients were told for what this drill expects besides; returns a sentence for each violation. */
  expects?(operations: readonly SentOperation[]): string[]
}

/** What a drill's script works with. */
export interface SitesContext extends Script {
  readonly stack: SitesStack
  readonly workload: SitesWorkload
  /** The same, with other randomness: two faults at once draw what they draw, whichever goes on first. */
  withRandom(random: SeededRandom): SitesContext
  /** Waits until a condition holds; that it does not within the bound is a violation. */
  becomes(what: string, condition: () => Promise<boolean>, boundSeconds: number): Promise<boolean>
}
