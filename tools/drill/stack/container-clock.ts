import { docker } from '../../lab/docker.ts'

/**
 * Sets the wall clock of a container's processes, under libfaketime, to this far from the real one. The file /tmp/clock
 * is replaced in one step: libfaketime ends a process that finds it empty, and it reads it each time it is asked.
 */
export async function setContainerClock(container: string, offsetSeconds: number): Promise<void> {
  const offset = `${offsetSeconds < 0 ? '' : '+'}${offsetSeconds}`
  await docker(['exec', container, 'sh', '-c', `echo ${offset} >/tmp/next && mv /tmp/next /tmp/clock`])
}
