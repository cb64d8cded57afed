import { join } from 'node:path'
import type { Config } from '../config/index.ts'
import { checkTarget } from '../forward/index.ts'
import { describeShortage } from '../http/wire/index.ts'
import { inspectCluster } from '../log/embedded/index.ts'
import { inspectLog } from '../log/postgres/index.ts'
import { inspectDataDirectory, readLastLog } from '../slots/index.ts'
import { mayHoldWrites } from '../spool/index.ts'

/**
 * Tries what a start with these settings would need, and changes nothing.
 * @param print called with one line for each finding
 * @returns whether a start would find everything that it needs
 */
export async function check(config: Config, print: (line: string) => void): Promise<boolean> {
  print('settings: read, and without a fault')
  for (const warning of [...config.warnings, ...describeShortage(config)]) print(`warning: ${warning}`)
  let isUsable = true

  async function tryPart(part: string, find: () => string | Promise<string>, isNeeded = true): Promise<void> {
    try {
      print(`${part}: ${await find()}`)
    } catch (error) {
      isUsable &&= !isNeeded
      const why = error instanceof Error ? error.message : String(error)
      print(`${part}: ${isNeeded ? 'NOT USABLE' : 'not usable, and done without'}: ${why}`)
    }
  }

  const { forwardingAddress: address, postgres: target, dataDir, postgresTimeoutMs: timeoutMs } = config
  if (address !== undefined) {
    await tryPart('target', () => checkTarget({ ...config, address }))
    return isUsable
  }
  // A node whose log is elsewhere runs without a disk, unless the disk may hold writes that are nowhere else.
  const isDiskNeeded = target === 'embedded' || mayHoldWrites(dataDir)
  await tryPart('data directory', () => inspectDataDirectory(dataDir, target !== 'embedded'), isDiskNeeded)
  if (target === 'embedded') await tryPart('log', () => inspectCluster(join(dataDir, 'postgres')))
  else await tryPart('log', () => inspectLog({ target, timeoutMs, logId: readLastLog(dataDir) }))
  return isUsable
}
