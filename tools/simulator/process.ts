import type { Kv } from '../../kvs/kv/index.ts'
import type { Replica } from '../../kvs/replica/index.ts'
import type { RingMember } from '../../kvs/ring/index.ts'
import type { Sites } from '../../kvs/sites/index.ts'
import type { Server } from './requester.ts'
import type { Lane } from './scheduler.ts'
import type { VirtualClock } from './virtual-clock.ts'

/** One process. */
export interface Process {
  readonly lane: Lane
  readonly clock: VirtualClock
  /** What clients are to be told when the process is gone. */
  readonly waiting: Set<() => void>
  /** Resolves when the process has ended, in whatever way. */
  readonly gone: PromiseWithResolvers<void>
  /** Undefined before it listens. */
  store: Replica | undefined
  sites: Sites | undefined
  ring: RingMember | undefined
  /** Aborts when the process is told to stop. */
  readonly stopping: AbortController
  /** Who follows its feed. */
  readonly followers: Set<() => void>
  kv: Kv | undefined
  isListening: boolean
}

/** A process that does not listen yet. */
export function makeProcess(lane: Lane, clock: VirtualClock): Process {
  return {
    ...{ lane, clock, gone: Promise.withResolvers<void>(), stopping: new AbortController() },
    ...{ waiting: new Set(), followers: new Set(), isListening: false },
    ...{ store: undefined, sites: undefined, ring: undefined, kv: undefined },
  }
}

/** The process as clients and other nodes see it. */
export function serverOf({ lane, waiting, followers, sites, ring }: Process, kv: Kv): Server {
  return {
    ...{ kv, lane, sites, ring },
    onceGone: (tell) => noted(waiting, tell),
    onceEnded: (tell) => noted(followers, tell),
  }
}

function noted(listeners: Set<() => void>, tell: () => void): () => void {
  listeners.add(tell)
  return () => listeners.delete(tell)
}
