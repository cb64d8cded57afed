import type { Ring } from '../core/ring/description.ts'
import type { AskedRingChange, RingService, RingState } from '../kv/index.ts'

/**
 * What a node asks another member of the ring for. Each rejects with a KvsError: with that of the member, as
 * `RingService` has it, or with `cannot_forward` where the member gives no answer, or none that a member would give.
 */
export interface MemberClient {
  state(): Promise<RingState>
  /** As `RingService.learn`. */
  learn(ring: Ring): Promise<void>
  /** As `RingService.give`. */
  give(...asked: Parameters<RingService['give']>): Promise<void>
  /** As `RingService.change`. */
  change(asked: AskedRingChange): Promise<void>
}
