import { obstacleToDocker } from '../../lab/docker.ts'
import { type Arguments, WrongUse } from '../arguments.ts'
import { startComposeRing } from '../ring/ring-compose.ts'
import { startLocalRing } from '../ring/ring-local.ts'
import type { RingStack } from '../ring/ring-stack.ts'
import type { SitesShape } from '../sites/site-names.ts'
import { type SitesStack, startSitesStack } from '../sites/sites-stack.ts'
import { startComposeStack } from './compose.ts'
import { buildClockedPostgres, buildDrillImage, type DrillImage } from './drill-image.ts'
import { startLocalStack } from './local.ts'
import type { Stack, StackOptions } from './stack.ts'

/** Makes stacks: of containers, from an image that is built once, or of processes. */
export interface Platform {
  makeStack(options: StackOptions): Promise<Stack>
  startRing(): Promise<RingStack>
  /** Needs containers. */
  startSites(shape: SitesShape): Promise<SitesStack>
  close(): Promise<void>
}

type Wanted = Pick<Arguments, 'isLocal' | 'isObserved'>

export async function preparePlatform({ isLocal, isObserved }: Wanted, say: (line: string) => void): Promise<Platform> {
  if (isLocal) {
    return {
      makeStack: (options) => startLocalStack(options),
      startRing: startLocalRing,
      startSites: () => Promise.reject(new WrongUse('drills of sites need containers')),
      close: async () => undefined,
    }
  }
  const obstacle = obstacleToDocker()
  if (obstacle !== undefined) {
    throw new WrongUse(`Docker can’t be used (${obstacle}): with --local the drills run on processes of this machine`)
  }
  say('building the image')
  const image = await buildDrillImage()
  let clocked: DrillImage | undefined
  return {
    makeStack: (options) => startComposeStack(image.name, { ...options, observe: isObserved }),

    startRing: () => startComposeRing(image.name),

    async startSites(shape) {
      if (shape.clocks) clocked ??= await buildClockedPostgres()
      return startSitesStack({ node: image.name, postgres: clocked?.name }, shape)
    },

    async close() {
      await image.remove()
      await clocked?.remove()
    },
  }
}
