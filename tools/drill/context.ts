import { waitFor } from '../lab/polling.ts'
import type { Context } from './drill.ts'
import { makeScript, type ScriptOptions } from './script.ts'

export type ContextOptions = ScriptOptions & Pick<Context, 'stack' | 'workload'>

export function makeContext({ stack, workload, ...given }: ContextOptions): Context {
  const { signal } = given
  return {
    ...makeScript(given),
    ...{ stack, workload },
    becomes(wanted, boundSeconds, node) {
      const statusIfWanted = async () => {
        const status = await stack.status(node)
        return status && wanted(status) && status
      }
      return waitFor(statusIfWanted, { boundMs: 1000 * boundSeconds, signal })
    },
  }
}
