import { execFile } from 'node:child_process'
import { randomUUID } from 'node:crypto'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import type { Client as PostgresClient } from 'pg'
import { type NodeName, nodeNames, type StackNode } from '../../tools/drill/stack/stack.ts'
import { docker } from '../../tools/lab/docker.ts'
import { root } from '../../tools/lab/paths.ts'
import { freePort } from '../../tools/lab/ports.ts'
import { connectWhenUp } from '../../tools/lab/postgres-client.ts'
import { makeClient } from './client.ts'

/** The stack of docker-compose.yml under a project name of its own, with Postgres published as well. */
export interface NodesStack {
  readonly postgresPort: number
  /** What `docker compose` says. */
  compose(...args: string[]): Promise<string>
  /** A line of the documentation, run by bash in the repository's root, for this stack. Rejects with what it says. */
  shell(line: string): Promise<string>
  /** Brings it up and waits until all nodes serve. */
  up(nodes?: 1 | 2 | 3): Promise<readonly [StackNode, ...StackNode[]]>
  /** To Postgres, past the nodes. */
  connect(): Promise<PostgresClient>
  /** Its container and its disk. */
  losePostgres(): Promise<void>
  down(): Promise<void>
}

/** @param overlays files of compose/ laid over it */
export async function makeStack(purpose: string, ...overlays: string[]): Promise<NodesStack> {
  const project = `kvs-${purpose}-${randomUUID().slice(0, 8)}`
  const home = await mkdtemp(join(tmpdir(), 'kvs-stack-'))
  const first = await freePort(3)
  const postgresPort = await freePort()
  const own = join(home, 'published.yml') // JSON is YAML too
  await writeFile(own, JSON.stringify({ services: { postgres: { ports: [`127.0.0.1:${postgresPort}:5432`] } } }))
  const files = [...['docker-compose.yml', ...overlays].map((name) => join(root, name)), own]
  const env = {
    ...process.env,
    // The defaults, whatever the user's environment or .env says
    ...{ POSTGRES_USER: '', POSTGRES_PASSWORD: '', POSTGRES_DB: '', LOG_LEVEL: 'info', LOG_FORMAT: '' },
    ...{ COMPOSE_PROJECT_NAME: project, COMPOSE_FILE: files.join(':') },
    PUBLISH: `127.0.0.1:${first}-${first + 2}`,
  }
  const compose = (...args: string[]) => docker(['compose', ...args], env)

  async function nodeAt(container: string, name: NodeName): Promise<StackNode> {
    const [address] = (await docker(['port', container, '8080'])).split('\n')
    const url = `http://${address}`
    await makeClient(url).reaches('serving')
    return { name, url }
  }

  return {
    postgresPort,
    compose,

    async shell(line) {
      const { stdout, stderr } = await promisify(execFile)('bash', ['-euc', line], { cwd: root, env })
      return stdout + stderr
    },

    async up(nodes = 1) {
      await compose('up', '--build', '--wait', '--scale', `kvs=${nodes}`)
      const names = (await compose('ps', '--format', '{{.Name}}', 'kvs')).split('\n')
      const [one, ...others] = await Promise.all(names.map((name, n) => nodeAt(name, nodeNames[n] ?? 'kvs')))
      if (one === undefined) throw new Error('a stack has a node')
      return [one, ...others]
    },

    connect: () =>
      connectWhenUp({ host: '127.0.0.1', port: postgresPort, user: 'kvs', password: 'kvs', database: 'kvs' }),

    async losePostgres() {
      await compose('rm', '--stop', '--force', 'postgres')
      await docker(['volume', 'rm', `${project}_postgres`])
    },

    async down() {
      await compose('down', '--volumes', '--remove-orphans', '--rmi', 'local', '--timeout', '1')
      await rm(home, { recursive: true, force: true })
    },
  }
}
