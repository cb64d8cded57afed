import type { BatchEnd } from '../core/entry.ts'
import { Unavailable } from './log.ts'
import type { RingLog } from './ring-log.ts'
import type { Writer } from './writer.ts'
import type { WriterStatements } from './writer-port.ts'

interface Registered {
  readonly writer: Pick<Writer, 'appendRing'>
  readonly statements: WriterStatements
}

/** How often another node may take the writer. */
const mostTries = 4

/**
 * Makes what appends entries on the ring over one connection. All nodes of a log share the writer of these: it is
 * registered before the first entry, and anew where another node has taken it meanwhile, of which nothing is stored.
 * So to be connected takes it from nobody.
 */
export function makeRingAppender(register: () => Promise<Registered>): RingLog['append'] {
  let registered: Registered | undefined

  async function appendNow(...entry: Parameters<RingLog['append']>): Promise<BatchEnd | undefined> {
    registered ??= await register()
    const { writer, statements } = registered
    try {
      return await writer.appendRing(statements, ...entry)
    } catch (error) {
      registered = undefined
      throw error
    }
  }

  return async (...entry) => {
    for (let tries = 1; ; tries++) {
      try {
        return await appendNow(...entry)
      } catch (error) {
        if (tries === mostTries || !(error instanceof Unavailable)) throw error
      }
    }
  }
}
