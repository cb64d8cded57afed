import { noteWait, type Request } from '../../exchange/index.ts'

/**
 * Waits for a change of the ring, which takes as long as the keys take that move. The idle timeout does not end the
 * connection meanwhile, or whoever asked would not be told what came of it.
 */
export async function awaitChange(request: Request, change: () => Promise<void>): Promise<void> {
  noteWait(request, 'target')
  const restoreTimeout = request.liftIdleTimeout()
  try {
    await change()
  } finally {
    restoreTimeout()
  }
  noteWait(request, undefined)
}
