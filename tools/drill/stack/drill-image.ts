import { randomUUID } from 'node:crypto'
import { docker } from '../../lab/docker.ts'

export interface DrillImage {
  readonly name: string
  remove(): Promise<void>
}

/**
 * Builds the service's image from the working directory, and on top of it the drills' tools, both under unique names.
 */
export async function buildDrillImage(): Promise<DrillImage> {
  const id = randomUUID().slice(0, 8)
  const [plain, name] = [`kvs-drill-${id}:plain`, `kvs-drill-${id}:drill`]
  await docker(['build', '--quiet', '--tag', plain, '.'])
  try {
    await docker(['build', '--quiet', '--build-arg', `KVS_IMAGE=${plain}`, '--tag', name, 'compose/drill'])
  } catch (error) {
    await docker(['rmi', plain])
    throw error
  }
  return { name, remove: async () => void (await docker(['rmi', name, plain])) }
}

/** Builds a Postgres with a wall clock that can be moved. */
export async function buildClockedPostgres(): Promise<DrillImage> {
  const name = `kvs-drill-${randomUUID().slice(0, 8)}:postgres`
  await docker(['build', '--quiet', '--tag', name, 'compose/drill/postgres'])
  return { name, remove: async () => void (await docker(['rmi', name])) }
}
