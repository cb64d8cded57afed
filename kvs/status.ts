/** With what each means; the README's table is held against it by a test. */
export const states = {
  starting: 'waiting for the log; `/v1` answers 503',
  replaying: 'reading the log into memory; `/v1` answers 503',
  serving: 'all is well',
  'log down': 'reads go on; a write waits for the log up to `KVS_APPEND_TIMEOUT`, then 503',
  'log diverged': 'the log is not the one this node has applied; reads show what the node holds, writes answer 503',
  draining: 'told to stop; finishes what is under way',
  stopped: 'about to end',
} as const

export type State = keyof typeof states

export interface Status {
  readonly state: State
  /** Why the node is not simply serving; null where it is. */
  readonly reason: string | null
  /** How many of the log's entries have been replayed, and how many there are to replay. */
  readonly replayed: number
  readonly total: number
  /** LOGID=SEQUENCE, or null as long as the log's id is not known. */
  readonly position: string | null
}
