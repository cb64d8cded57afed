import { waitUntil } from '../../lab/polling.ts'
import { acceptsConnections } from '../../lab/ports.ts'
import type { Process } from '../../lab/process.ts'

/** Resolves when a program accepts connections. Ends the program before it rejects, which it does after a minute. */
export async function untilListening(port: number, program: Process): Promise<void> {
  const isListening = () => program.requireRunning() ?? acceptsConnections(port)
  try {
    await waitUntil(`something listens on port ${port}`, isListening, { boundMs: 60_000 })
  } catch (error) {
    await program.stop()
    throw error
  }
}
