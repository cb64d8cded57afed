import type { Ring } from '../core/ring/description.ts'
import type { AnswerService, RingService, RingState } from '../kv/index.ts'

/**
 * What a node asks another member of the ring for. Each rejects with a KvsError: with that of the member, as
 * `RingService` has it, or with `cannot_forward` where the member gives no answer, or none that a member would give.
 */
export interface MemberClient
  extends Pick<RingService, 'give' | 'take' | 'movedKeys' | 'movedChanges' | 'change'>,
    AnswerService {
  state(): Promise<RingState>
  /** As `RingService.learn`. */
  learn(ring: Ring): Promise<void>
}
