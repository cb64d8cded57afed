import { clockedSitesDrills } from './faults/clocks.ts'
import { cutDrills } from './faults/cuts.ts'
import { killDrills } from './faults/kills.ts'
import { memberDrills } from './faults/members.ts'
import { randomSitesDrills } from './faults/random.ts'
import type { SitesDrill } from './sites-drill.ts'

/** All drills of several sites, in the order in which `all` runs them. */
export const sitesDrills: readonly SitesDrill[] = [
  ...cutDrills,
  ...killDrills,
  ...clockedSitesDrills,
  ...memberDrills,
  ...randomSitesDrills,
]
