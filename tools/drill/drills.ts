import type { Drill } from './drill.ts'
import { clockDrills } from './faults/clock.ts'
import { diskDrills } from './faults/disks.ts'
import { mixDrills } from './faults/mix.ts'
import { networkDrills } from './faults/network.ts'
import { nodesDrills } from './faults/node-faults.ts'
import { outageDrills } from './faults/outage.ts'
import { postgresDrills } from './faults/postgres-faults.ts'
import { processDrills } from './faults/processes.ts'
import { recoveryDrills } from './faults/recovery.ts'
import { restoreDrills } from './faults/restore.ts'

/** All drills, in the order in which `all` runs them. */
export const drills: readonly Drill[] = [
  ...processDrills,
  ...postgresDrills,
  ...networkDrills,
  ...diskDrills,
  ...clockDrills,
  ...restoreDrills,
  ...recoveryDrills,
  ...outageDrills,
  ...mixDrills,
  ...nodesDrills,
]
