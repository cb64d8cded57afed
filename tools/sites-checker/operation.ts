import type { Operation } from '../drill/history.ts'

/** A request at some site, and its answer. */
export interface SiteOperation extends Operation {
  readonly site: number
  /** Id of the log that the site had then. */
  readonly log: string
  /** Whether the node knew that its site was taken out: then it answers from what it has, and waits for nobody. */
  readonly isAlone?: true
  /** KVS-Min-Position; undefined where the session passes no token. */
  readonly token: string | undefined
  /** The client whose token this one's was joined with right before the request; undefined for nobody's. */
  readonly heard?: number
  /** How many logs have what was written, by the answer, and how many had it then; absent where it does not say. */
  readonly copies?: { readonly told: number; readonly true: number }
  /** KVS-Position of the answer. */
  readonly given?: string
  /**
   * What the node had of its log when it answered a get; no other write of the key was applied since. Undefined where
   * the answer does not tell exactly.
   */
  readonly seen?: string
}

/** An operation as its client knows it, who is not told which log the site has. */
export type SentOperation = Omit<SiteOperation, 'log'>

/** Describes an operation for a sentence about it. */
export function words({ client, kind, key, value, node, invoked, returned, status }: SentOperation): string {
  const what = kind === 'put' ? `${key} = ${value}` : key
  const times = `${(invoked / 1000).toFixed(3)} to ${(returned / 1000).toFixed(3)} s`
  return `client ${client}'s ${kind} of ${what} at ${node} (${times}, ${status})`
}
