import { randomInt, randomUUID } from 'node:crypto'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { docker } from '../../lab/docker.ts'
import { freePort } from '../../lab/ports.ts'
import { connectWhenUp } from '../../lab/postgres-client.ts'
import { makeNetwork } from '../../lab/subnet.ts'
import { logsOf } from '../stack/logs.ts'
import { hostIn, type MemberService, memberNames, numberOf, postgresOf } from './member-names.ts'
import { makeRingOverlay } from './ring-overlay.ts'
import type { RingStack } from './ring-stack.ts'

/** Starts members in containers under a unique project name, in a subnet and on ports of their own. */
export async function startComposeRing(image: string): Promise<RingStack> {
  const project = `kvs-drill-${randomUUID().slice(0, 8)}`
  const home = await mkdtemp(join(tmpdir(), 'drillrun-'))
  const all = [...memberNames, ...memberNames.map(postgresOf)]
  const first = await freePort(all.length)
  const portOf = (service: MemberService) => first + all.indexOf(service)
  const overlay = join(home, 'ring.yml') // JSON is YAML too
  const environment: NodeJS.ProcessEnv = {
    ...process.env,
    // The defaults, whatever the user's environment or .env says
    ...{ POSTGRES_USER: '', POSTGRES_PASSWORD: '', POSTGRES_DB: '', LOG_LEVEL: '', LOG_FORMAT: '' },
    ...Object.fromEntries(memberNames.map((name) => [`PUBLISH_${numberOf(name)}`, `127.0.0.1:${portOf(name)}`])),
  }
  const files = ['compose/ring.yml', 'compose/ring-postgres.yml', overlay].flatMap((file) => ['--file', file])
  const compose = (...args: string[]) => docker(['compose', '--project-name', project, ...files, ...args], environment)
  const container = (service: MemberService) => `${project}-${service}-1`

  async function startIn(subnet: string): Promise<void> {
    environment.SUBNET = subnet
    await writeFile(overlay, JSON.stringify(makeRingOverlay({ project, image, subnet, portOf })))
    await compose('up', '--detach', '--no-build', ...memberNames)
  }

  async function down(): Promise<void> {
    await compose('down', '--volumes', '--remove-orphans', '--timeout', '0')
    await rm(home, { recursive: true, force: true })
  }

  async function start(...services: MemberService[]): Promise<void> {
    await docker(['start', ...services.map(container)])
  }

  try {
    const subnet = await makeNetwork(() => `10.82.${randomInt(256)}`, startIn)
    return {
      nodes: memberNames.map((name) => ({
        ...{ name, url: `http://127.0.0.1:${portOf(name)}` },
        address: `${hostIn(subnet, name)}:5000`,
      })),
      ...{ start, down },
      kill: async (...services) => void (await docker(['kill', ...services.map(container)])),

      connect(name) {
        const login = { user: 'kvs', password: 'kvs', database: 'kvs' }
        return connectWhenUp({ host: '127.0.0.1', port: portOf(postgresOf(name)), ...login })
      },

      async output() {
        const read = async (name: string) => {
          return { name, output: await compose('logs', '--no-log-prefix', '--no-color', name) }
        }
        return logsOf(await Promise.all(memberNames.map(read)))
      },

      heal: () => start(...all),
    }
  } catch (error) {
    await down()
    throw error
  }
}
