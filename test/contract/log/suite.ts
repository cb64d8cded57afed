import { describeAppends } from './behaviours/appends.ts'
import { describeConditional } from './behaviours/conditional.ts'
import { describeExactlyOnce } from './behaviours/exactly-once.ts'
import { describeFollowing } from './behaviours/following.ts'
import { describeRefusals } from './behaviours/refusals.ts'
import { describeReplay } from './behaviours/replay.ts'
import { describeSpooled } from './behaviours/spooled.ts'
import { describeWentBack } from './behaviours/went-back.ts'
import type { MakeLogServer } from './log-server.ts'

/** All that kvs/log/log.ts promises, as tests of one implementation. */
export function describeLog(makeServer: MakeLogServer): void {
  describeAppends(makeServer)
  describeExactlyOnce(makeServer)
  describeSpooled(makeServer)
  describeConditional(makeServer)
  describeFollowing(makeServer)
  describeReplay(makeServer)
  describeWentBack(makeServer)
  describeRefusals(makeServer)
}
