import { docker } from '../../lab/docker.ts'
import type { Disks, Service } from './stack.ts'

/** Works through the container that has all disks of the stack mounted below /disks. */
export function makeComposeDisks(container: string): Disks & { heal(): Promise<void> } {
  const full = new Set<Service>()
  const run = (script: string) => docker(['exec', container, 'sh', '-ec', script])

  async function free(service: Service): Promise<void> {
    if (full.delete(service)) await run(`rm -f /disks/${service}/ballast`)
  }

  return {
    free,

    async fill(service) {
      full.add(service)
      // Ends, with an error, when there is not a byte left.
      await run(`cat /dev/zero >/disks/${service}/ballast 2>/dev/null || true`)
    },

    async saveLog(name) {
      await run(`rm -rf /disks/saved/${name} && cp -a /disks/postgres /disks/saved/${name}`)
    },

    async restoreLog(name) {
      await run(`find /disks/postgres -mindepth 1 -delete && cp -a /disks/saved/${name}/. /disks/postgres/`)
    },

    async heal() {
      for (const service of [...full]) await free(service)
    },
  }
}
