import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import { docker } from '../../../tools/lab/docker.ts'
import { freePort } from '../../../tools/lab/ports.ts'
import { until } from '../../support/until.ts'

/** As google-main.ts has it. */
export interface CloudState {
  attributes: Record<string, string>
  secrets: Record<string, string>
  cloudSql?: { address: string; certificates: string[] }
}

/** A VM of deploy.sh in a container, with what it asks of Google Cloud beside it in a network of their own. */
export async function startCloud(id: string, state: CloudState) {
  const [port, control] = [await freePort(), await freePort()]
  const image = (target: string) => `${id}-${target}`
  for (const target of ['google', 'cloud-sql', 'vm']) {
    await docker(['build', '--quiet', '--target', target, '--tag', image(target), 'test/container/gcp'])
  }
  await docker(['network', 'create', id])
  const names = ['metadata.google.internal', 'secretmanager.googleapis.com', 'sqladmin.googleapis.com']
  await docker([
    ...['run', '--detach', '--name', image('google'), '--network', id, '--publish', `127.0.0.1:${control}:8000`],
    ...names.flatMap((name) => ['--network-alias', name]),
    image('google'),
  ])

  async function set(next: CloudState) {
    const response = await fetch(`http://127.0.0.1:${control}/state`, { method: 'PUT', body: JSON.stringify(next) })
    if (!response.ok) throw new Error(await response.text())
  }

  /** What the VM has told last, behind its release. */
  async function told(): Promise<string | undefined> {
    const response = await fetch(`http://127.0.0.1:${control}/state`).catch(() => undefined)
    const shown = (await response?.json()) as { guestAttributes: Record<string, string> } | undefined
    return shown?.guestAttributes['kvs/state']
  }

  await until('the metadata are served', () =>
    set(state).then(
      () => true,
      () => undefined,
    ),
  )
  await docker([
    ...['run', '--detach', '--privileged', '--cgroupns', 'private', '--name', image('vm'), '--network', id],
    ...['--tmpfs', '/run', '--tmpfs', '/tmp', '--hostname', 'kvs'],
    ...['--publish', `127.0.0.1:${port}:8080`, image('vm')],
  ])
  const run = (...command: string[]) => docker(['exec', image('vm'), ...command])

  return {
    ...{ port, set, told, run },
    vm: image('vm'),

    /** No image registry is reached from the VM in the test: what it would pull comes from here. */
    async loadImages(...images: string[]) {
      await until('the VM has an engine', () => run('docker', 'version').catch(() => undefined), 300_000)
      const pipe = `docker save ${images.join(' ')} | docker exec --interactive ${image('vm')} docker load --quiet`
      await promisify(execFile)('bash', ['-o', 'pipefail', '-c', pipe])
    },

    async startCloudSql(password: string) {
      const environment = { POSTGRES_USER: 'kvs', POSTGRES_DB: 'kvs', POSTGRES_PASSWORD: password }
      const variables = Object.entries(environment).flatMap(([name, value]) => ['--env', `${name}=${value}`])
      await docker(['run', '--detach', '--name', image('sql'), '--network', id, ...variables, image('cloud-sql')])
      const format = `{{(index .NetworkSettings.Networks "${id}").IPAddress}}`
      const address = await docker(['inspect', '--format', format, image('sql')])
      const certificate = await docker(['exec', image('sql'), 'cat', '/certificates/sql.crt'])
      return { address, certificates: [certificate] }
    },

    async stop() {
      const detach =
        'systemctl stop kvs-watch docker docker.socket; umount /mnt/disks/kvs; losetup --detach $(losetup --noheadings --output NAME --associated /disk/data)'
      await run('bash', '-c', detach).catch(() => undefined)
      for (const name of ['vm', 'sql', 'google']) await docker(['rm', '--force', '--volumes', image(name)])
      await docker(['network', 'rm', id])
      for (const target of ['google', 'cloud-sql', 'vm']) await docker(['rmi', image(target)])
    },
  }
}
