import { join } from 'node:path'
import type { Config } from '../config/index.ts'
import { checkTarget } from '../forward/index.ts'
import { describeShortage } from '../http/wire/index.ts'
import { inspectCluster } from '../log/embedded/index.ts'
import { inspectLog } from '../log/postgres/index.ts'
import { lastLogOf, lookAtDataDirectory } from '../slots/index.ts'
import { mayHoldWrites } from '../spool/index.ts'

/**
 * Tries what a start with these settings would need, and changes nothing of it. Tells each finding in a line.
 * @returns whether a start has all that it needs
 */
export async function check(config: Config, tell: (line: string) => void): Promise<boolean> {
  tell('settings: read, and without a fault')
  for (const warning of [...config.warnings, ...describeShortage(config)]) tell(`warning: ${warning}`)
  let isFit = true

  async function look(what: string, find: () => string | Promise<string>, isNeeded = true): Promise<void> {
    try {
      tell(`${what}: ${await find()}`)
    } catch (error) {
      isFit &&= !isNeeded
      const why = error instanceof Error ? error.message : String(error)
      tell(`${what}: ${isNeeded ? 'NOT USABLE' : 'not usable, and done without'}: ${why}`)
    }
  }

  const { forwardingAddress: address, postgres: target, dataDir, postgresTimeoutMs: timeoutMs } = config
  if (address !== undefined) {
    await look('target', () => checkTarget({ ...config, address }))
    return isFit
  }
  // A node that has its log elsewhere does without a disk, unless that may hold writes which are nowhere else.
  const isDiskNeeded = target === 'embedded' || mayHoldWrites(dataDir)
  await look('data directory', () => lookAtDataDirectory(dataDir, target !== 'embedded'), isDiskNeeded)
  if (target === 'embedded') await look('log', () => inspectCluster(join(dataDir, 'postgres')))
  else await look('log', () => inspectLog({ target, timeoutMs, logId: lastLogOf(dataDir) }))
  return isFit
}
