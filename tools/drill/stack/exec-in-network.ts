import { docker } from '../../lab/docker.ts'
import { waitFor } from '../../lab/polling.ts'

/**
 * Runs a command in the network namespace of a container, with rights that its own processes do not have. Does nothing
 * to one that is killed meanwhile: it has no network to spoil, and its next start brings a new one.
 * @param endBoundMs how long to wait for the container's end after the command has failed
 */
export async function execInNetwork(container: string, command: readonly string[], endBoundMs = 10_000): Promise<void> {
  const before = await lifeOf(container)
  try {
    await docker(['exec', '--privileged', '--user', 'root', container, ...command])
  } catch (error) {
    // Docker says it in many ways, or not at all: the command ends with 1, 126 or 137, with words or without.
    const hasEnded = async () => before === undefined || (await lifeOf(container)) !== before
    if (!(await waitFor(hasEnded, { boundMs: endBoundMs, everyMs: 100 }))) throw error
  }
}

/** Returns when a container that runs was started; undefined if it does not run. */
async function lifeOf(container: string): Promise<string | undefined> {
  const life = await docker(['inspect', '--format', '{{if .State.Running}}{{.State.StartedAt}}{{end}}', container])
  return life === '' ? undefined : life
}
