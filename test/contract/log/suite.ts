import { describe } from 'vitest'
import { describeAppends } from './behaviours/appends.ts'
import { describeConditional } from './behaviours/conditional.ts'
import { describeExactlyOnce } from './behaviours/exactly-once.ts'
import { describeFollowing } from './behaviours/following.ts'
import { describeForgetting } from './behaviours/forgetting.ts'
import { describeImports } from './behaviours/imports.ts'
import { describeMoved } from './behaviours/moved.ts'
import { describeRefusals } from './behaviours/refusals.ts'
import { describeReplay } from './behaviours/replay.ts'
import { describeRing } from './behaviours/ring.ts'
import { describeSitePositions } from './behaviours/site-positions.ts'
import { describeSites } from './behaviours/sites.ts'
import { describeSpooled } from './behaviours/spooled.ts'
import { describeStamps } from './behaviours/stamps.ts'
import { describeTimes } from './behaviours/times.ts'
import { describeWentBack } from './behaviours/went-back.ts'
import type { MakeLogServer } from './log-server.ts'

const behaviours = [
  describeAppends,
  describeExactlyOnce,
  describeSpooled,
  describeConditional,
  describeFollowing,
  describeReplay,
  describeTimes,
  describeWentBack,
  describeRefusals,
  describeStamps,
  describeSites,
  describeImports,
  describeSitePositions,
  describeForgetting,
  describeRing,
  describeMoved,
]

/** All that kvs/log/log.ts, site-log.ts and ring-log.ts promise, as tests of one implementation. */
export function describeLog(name: string, makeServer: MakeLogServer): void {
  // Each is a describe of its own, so that the server that it makes before each test is made for its tests alone.
  for (const behaviour of behaviours) describe(name, () => behaviour(makeServer))
}
