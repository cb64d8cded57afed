import { slotsOfMember } from '../core/ring/description.ts'
import { formatRanges } from '../core/ring/slot-ranges.ts'
import type { RingService } from './ring-service.ts'
import type { RingStatus } from './status.ts'

/** What `status` says of the ring, as a node knows it at this moment. */
export function ringStatusOf(service: Pick<RingService, 'current' | 'versionText' | 'state' | 'progress'>): RingStatus {
  const ring = service.current()
  const { self, owns } = service.state()
  const { taking, copies } = service.progress()
  return {
    version: ring ? service.versionText() : null,
    self,
    owns: formatRanges(owns),
    home: ring?.home ?? null,
    positions: ring?.positions.size ?? 0,
    change: ring?.next ? { owns: formatRanges(slotsOfMember(ring.next, self)), positions: ring.next.size } : null,
    taking,
    copies,
  }
}
