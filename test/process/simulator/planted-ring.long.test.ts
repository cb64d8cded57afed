import { generateRingSchedule } from '../../../tools/simulator/ring/generate-ring.ts'
import { plantedFaultsOfRings } from './planted-faults-ring.ts'
import { testPlants } from './planted-search.ts'

testPlants('member', plantedFaultsOfRings, generateRingSchedule)
