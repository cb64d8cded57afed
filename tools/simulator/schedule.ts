import type { RingFault, RingPlan } from './ring/ring-schedule.ts'

/**
 * All that is done to a simulated cluster, as plain data: it can be printed, kept in a file, shrunk and run again.
 * Times are virtual milliseconds since the clients began.
 */
export interface Schedule {
  /** Of the latencies and of the nodes' own chance. */
  readonly seed: number
  /** From 1 to 3; of all sites together up to 6. */
  readonly nodes: number
  /** Absent where all nodes share one log that is no site's. Nodes are counted through all sites. */
  readonly sites?: readonly SitePlan[]
  /** Absent where there is no ring. Nodes are counted through all of its members; there are no sites then. */
  readonly ring?: RingPlan
  /** Whether nodes spool while the log is down; else they refuse (KVS_WHEN_LOG_IS_DOWN). */
  readonly spools: boolean
  /** Share of the puts whose keys end by themselves; absent for none. */
  readonly lifetimes?: number
  /** How many logs writes wait for (KVS_MIN_COPIES); absent where they wait for none but their own. */
  readonly copies?: number
  readonly latency: Latency
  /** By time. */
  readonly operations: readonly Ask[]
  /** By time; absent in schedules that were kept before there were lists. */
  readonly lists?: readonly ListAsk[]
  /** By time; absent in schedules that were kept before there were transactions. */
  readonly transfers?: readonly TransferAsk[]
  /** By time. */
  readonly faults: readonly Fault[]
}

/** A log with its nodes, which takes over the entries of the other sites. */
export interface SitePlan {
  /** 1 or 2. */
  readonly nodes: number
  /** How far the wall clock of the log's server is ahead when all begins, in milliseconds. */
  readonly clock: number
  /** Set where the site is new: its nodes first start when it is `added`. Then it is no stable site. */
  readonly isLate?: true
}

/** The mean of each delay, in milliseconds. */
export interface Latency {
  /** One way between a node and the log. */
  readonly network: number
  /** One way between two sites, or two members of a ring; absent where there is one log. */
  readonly between?: number
  /** What the log takes for a commit. */
  readonly commit: number
  /** What a node's disk takes for a flush. */
  readonly flush: number
}

/** A client asks for something about a key, at this time or when it has the answer to what it asked before. */
export interface Ask {
  readonly at: number
  readonly client: number
  readonly key: number
  /** Seeds what is asked for. */
  readonly draw: number
}

/** Somebody lists keys at a node; the first one is 0. */
export interface ListAsk {
  readonly at: number
  readonly node: number
  /** Seeds what is asked for. */
  readonly draw: number
}

/** A teller transfers something, or lists all accounts, at this time or after the answer to what was asked before. */
export interface TransferAsk {
  readonly at: number
  readonly client: number
  /** Seeds what is asked for. */
  readonly draw: number
}

export type Fault = NodeFault | LogFault | PathFault | GroupFault | RingFault

/** Of one node; the first is 0. */
export type NodeFault = { readonly node: number; readonly at: number } & (
  | {
      /** SIGKILL, or SIGTERM, and a start after `forMs`. */
      readonly kind: 'kill' | 'stop'
      readonly forMs: number
    }
  | {
      /** SIGKILL. The node never comes back, and another one takes its spool over. */
      readonly kind: 'leave'
    }
  | {
      readonly kind: /** SIGSTOP. */
        | 'pause'
        /** Connections to the log break, and new ones are refused. */
        | 'cut'
        /** What the node sends to the log arrives only later, or never. */
        | 'late requests'
        /** Some of what the node appends arrives only later, mostly when nobody waits for it any more. */
        | 'late appends'
        /** What the log answers never arrives. */
        | 'lost answers'
        /** The network takes fifty times as long. */
        | 'slow network'
        /** The disk has no room. */
        | 'disk full'
        /** Changes fail, and may be on the disk nevertheless. */
        | 'disk fails'
        /** A flush takes a hundred times as long. */
        | 'slow disk'
      readonly forMs: number
    }
  | {
      /** The wall clock is set, forward or back. */
      readonly kind: 'clock'
      readonly byMs: number
    }
)

/** Of one log: that of a site, or of a ring's member. The site is absent where there is one log. */
export type LogFault = { readonly at: number; readonly site?: number } & (
  | {
      readonly kind: /** The server ends at once, with all that was not committed. */
        | 'log killed'
        /** SIGKILL to the node that takes entries over for its site, and a start after `forMs`. */
        | 'lead killed'
        /** The server refuses all that is appended. */
        | 'log full'
        /** A commit takes fifty times as long. */
        | 'slow log'
      readonly forMs: number
    }
  | {
      /** The wall clock of the log's server is set. */
      readonly kind: 'log clock'
      readonly byMs: number
    }
  | {
      /** The log loses its last entries, as by the restore of an older dump. Nothing else happens after it. */
      readonly kind: 'log goes back'
      readonly entries: number
    }
  | {
      /** Of a site: the log's disk burns, and the spools with it. After `forMs` nodes start on an empty log. */
      readonly kind: 'log lost'
      readonly forMs: number
    }
  | {
      /**
       * Of a site: its nodes run on the log without its last entries, which takes no writes, and no client is sent
       * there. After `forMs` they start on an empty log instead, with empty spools.
       */
      readonly kind: 'log restored'
      readonly entries: number
      readonly forMs: number
    }
)

/** Between the nodes of two sites, or of two members of a ring; the first one is 0. */
export type PathFault = { readonly at: number; readonly from: number; readonly to: number } & (
  | {
      readonly kind: /** Nothing arrives, either way. */
        | 'partition'
        /** Nothing arrives of what `from` sends to `to`. */
        | 'one way'
        /** Whoever is connected stays so, and gets nothing; new connections work. */
        | 'stalled streams'
        /** The way takes fifty times as long, both ways. */
        | 'slow path'
        /** Of members: some of what `from` asks `to` as a member arrives once more, seconds later. */
        | 'repeated requests'
      readonly forMs: number
    }
  | {
      /** Every connection is reset, in the middle of what it carries. */
      readonly kind: 'broken streams'
    }
)

/** Somebody asks at the site `by` for a change of the group's members, again and again until it is made. */
export interface GroupFault {
  readonly kind: 'added' | 'taken out'
  readonly at: number
  readonly site: number
  /** A stable site: it is in the group from first to last, with one log. */
  readonly by: number
}

/** How the logs of a schedule are named. */
export const placeNameOf = ({ ring }: Pick<Schedule, 'ring'>) => (ring === undefined ? siteName : memberName)

export function isOfGroup(fault: Fault): fault is GroupFault {
  return 'by' in fault
}

export function isOfNode(fault: Fault): fault is NodeFault {
  return 'node' in fault
}

export function isOfPath(fault: Fault): fault is PathFault {
  return 'to' in fault
}

/** Undefined where there is one log that is no site's. */
export function siteOfNode({ sites }: Pick<Schedule, 'sites'>, node: number): number | undefined {
  let nodes = 0
  return sites?.findIndex((site) => {
    nodes += site.nodes
    return node < nodes
  })
}

/** When a fault is over: at once, where it has no duration. */
export function endOfFault(fault: Fault): number {
  return fault.at + ('forMs' in fault ? fault.forMs : 0)
}

export const siteName = (site: number) => `site ${site + 1}`
export const memberName = (member: number) => `member ${member + 1}`

export const nodeName = (node: number) => (node === 0 ? 'kvs' : `kvs-${node + 1}`)

/** When the last operation and the last fault have begun and the last fault is over. */
export function endOf({ operations, lists = [], faults }: Schedule): number {
  const ends = faults.map(endOfFault)
  return Math.max(0, ...ends, ...[...operations, ...lists].map(({ at }) => at))
}

export function seconds(ms: number): string {
  return (ms / 1000).toFixed(3)
}
