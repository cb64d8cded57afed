import { InvalidConfig, readConfig } from '../../../kvs/config/config.ts'
import type { Environment } from '../../../kvs/config/settings-table.ts'

/** What readConfig finds wrong; empty where it finds nothing. */
export function problemsOf(env: Environment): readonly string[] {
  try {
    readConfig(env)
    return []
  } catch (error) {
    if (error instanceof InvalidConfig) return error.problems
    throw error
  }
}
