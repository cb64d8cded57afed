import { generateSitesSchedule } from '../../../tools/simulator/sites/generate-sites.ts'
import { plantedFaultsOfSites } from './planted-faults-sites.ts'
import { testPlants } from './planted-search.ts'

testPlants('site', plantedFaultsOfSites, generateSitesSchedule)
