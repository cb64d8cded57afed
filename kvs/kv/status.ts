import type { Taking } from './ring-service.ts'

/** The states of a node, each with what it means. test/rules/docs.test.ts holds the table in docs/states.md to it. */
export const states = {
  starting: 'waiting for the log; `/v1` answers 503',
  replaying: 'reading the log into memory; `/v1` answers 503',
  serving: 'all is well',
  behind: 'serving a past that is older than `KVS_MAX_LAG`; catching up',
  'log down': 'reads go on; writes are spooled and answered 202, or wait and are answered 503 (`KVS_WHEN_LOG_IS_DOWN`)',
  'log diverged':
    'the log is not the one this node has applied, or was changed by hand; reads show what the node holds, writes answer 503',
  draining: 'told to stop; finishes what is under way',
  stopped: 'about to end',
} as const

export type State = keyof typeof states

export interface Status {
  readonly state: State
  /** Why the node is not simply serving; null where it is. */
  readonly reason: string | null
  /** When it came into this state, ISO 8601. */
  readonly since: string
  /** How many of the log's entries have been replayed, and how many there are to replay. */
  readonly replayed: number
  readonly total: number
  /** LOGID=SEQUENCE, or null as long as the log's id is not known. */
  readonly position: string | null
  /** How long ago the view was last known to have all that the log had, in milliseconds; null before the replay. */
  readonly lag: number | null
  readonly spool: SpoolStatus
  /** Undefined where the log is no site. */
  readonly sites?: SitesStatus
  /** Undefined where the node can't be a member of a ring. */
  readonly ring?: RingStatus
}

/** What a node does for its site. */
export interface SitesStatus {
  /** Whether this node is the one of its site that takes entries over. */
  readonly leads: boolean
  readonly peers: readonly (PeerStatus & {
    /** Null before the first comparison, and where this node does not follow the site. */
    readonly comparison: Comparison | null
  })[]
}

/** What the last comparison with another site's values came to. */
export interface Comparison {
  /** How long ago that was, in milliseconds. */
  readonly age: number
  /** How many keys are known to have another value there, though each site has all that the other one had. */
  readonly differing: number
  /** A few of these keys. */
  readonly examples: readonly string[]
}

/** How this node follows one of the addresses of other sites. */
export interface PeerStatus {
  readonly address: string
  /**
   * `idle`: another node of this site follows it. `following`: its entries come in. `standby`: the same log is followed
   * at another address, or it is this site's own. `unreachable`: it can't be followed now, for the reason.
   */
  readonly state: 'idle' | 'following' | 'standby' | 'unreachable'
  /** Why it is not followed; null where it is. */
  readonly reason: string | null
  /** Id of its log; null before the first answer. */
  readonly log: string | null
  /** How many entries its log had, as last told, that this site did not; null before the first answer. */
  readonly behind: number | null
  /** How long ago this site had all that the other one had, in milliseconds; null before it had. */
  readonly lag: number | null
}

/** What a node knows of the ring. */
export interface RingStatus {
  /** `ID=VERSION`, as in the header KVS-Ring, of the newest version that it knows; null in no ring. */
  readonly version: string | null
  /** This node's address in the ring. */
  readonly self: string
  /** Slots whose keys its log takes, as in `0-2999,8001-9999`; empty for none. */
  readonly owns: string
  /** Address of the member whose log decides the next version; null in no ring. */
  readonly home: string | null
  /** How many positions that version has. */
  readonly positions: number
  /** What is under way in that version; null for nothing. */
  readonly change: {
    /** Slots that this node is to own. */
    readonly owns: string
    /** How many positions there are to be. */
    readonly positions: number
  } | null
  /** What this node takes from other members; null where it takes nothing. */
  readonly taking: Taking | null
  /** How many keys are still to be deleted here that are another member's; null before a count, and during a change. */
  readonly copies: number | null
}

export interface SpoolStatus {
  /** Whether writes are spooled while the log is down; else they are refused. */
  readonly on: boolean
  /** Why it is off, or refuses writes though it is on; null where it takes them. */
  readonly reason: string | null
  /** What waits in it for the log, and what that weighs in bytes. */
  readonly writes: number
  readonly bytes: number
  readonly maxBytes: number
}
