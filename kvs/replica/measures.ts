import type { SpoolStatus } from '../kv/index.ts'
import type { Spool } from '../spool/index.ts'
import type { View } from '../view/index.ts'
import type { SpoolRefusals } from './append/spool-refusals.ts'
import type { WriteQueue } from './append/write-queue.ts'
import type { ConditionalQueue } from './decisions/conditional-queue.ts'
import type { Expiry } from './expiry/expiry.ts'
import type { Mirror } from './mirror.ts'
import { isLogUp } from './state/node-state.ts'
import type { StateMachine } from './state/state-machine.ts'

/** Numbers for metrics, beside those of `status`. */
export interface Measures {
  /** Whether the log can be reached and takes writes. */
  readonly isLogUp: boolean
  /** Sequence of the last applied entry; 0n before the replay. */
  readonly sequence: bigint
  /** Highest sequence known to be in the log; 0n until connected. */
  readonly head: bigint
  /** Writes that wait for the log or are on their way to it, and their weight in bytes. */
  readonly queue: { readonly writes: number; readonly bytes: number }
  readonly view: {
    readonly keys: number
    readonly bytes: number
    readonly allocatedBytes: number
    readonly deadlines: View['deadlines']
  }
  /** Keys whose newest entry depends on what the view lacks, and deleted keys that are remembered. */
  readonly unmet: number
  readonly tombstones: number
  /** Expiries that this node has appended. */
  readonly expiries: number
}

interface MeasuredParts {
  readonly machine: Pick<StateMachine, 'state'>
  readonly mirror: Pick<Mirror, 'view' | 'head'>
  readonly queue: Pick<WriteQueue, 'length' | 'bytes'>
  readonly conditional: Pick<ConditionalQueue, 'length' | 'bytes'>
  readonly expiry: Pick<Expiry, 'appended'>
}

export function measuresOf({ machine, mirror, queue, conditional, expiry }: MeasuredParts): Measures {
  const { position, size: keys, memory, deadlines, unmet, tombstones } = mirror.view
  return {
    isLogUp: isLogUp(machine.state),
    sequence: position.sequence,
    head: mirror.head,
    queue: { writes: queue.length + conditional.length, bytes: queue.bytes + conditional.bytes },
    view: { keys, bytes: memory.liveBytes, allocatedBytes: memory.bytes, deadlines },
    ...{ unmet, tombstones },
    expiries: expiry.appended,
  }
}

interface SpoolParts {
  readonly spool: Spool | undefined
  readonly spooling: Pick<SpoolStatus, 'on' | 'reason' | 'maxBytes'>
}

export function spoolStatusOf(
  { spool, spooling }: SpoolParts,
  { obstacle }: Pick<SpoolRefusals, 'obstacle'>,
): SpoolStatus {
  const { on, reason, maxBytes } = spooling
  return { on, reason: reason ?? obstacle, writes: spool?.writes ?? 0, bytes: spool?.bytes ?? 0, maxBytes }
}
